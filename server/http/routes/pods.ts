import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { newReleaseSchema, releasePlanSchema, releaseSchema } from '../../../contract/adoption.ts';
import { podNetworkStateSchema } from '../../../contract/network-state.ts';
import { createPageSchema } from '../../../contract/pagination.ts';
import { newPodSchema, podChangeSchema, podSchema, podSummarySchema } from '../../../contract/pod.ts';
import { podPathSchema } from '../../../contract/pod-path.ts';
import { computeEgressByPath } from '../../counters/egress-by-path.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { pageQuerySchema } from '../page-query.ts';
import { podParamsSchema } from '../pod-parameter.ts';

const tags = ['pods'];

/** HTTP routes that list, attach, read and detach the pods of the node. */
export const podRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/pods',
      {
        schema: {
          summary: 'Lists the pods of the node, newest first',
          tags,
          querystring: pageQuerySchema,
          response: { 200: createPageSchema(podSummarySchema), ...problemResponses },
        },
      },
      ({ query: { before, limit } }) => {
        const below = before === undefined ? Number.POSITIVE_INFINITY : Number(before);
        const pods = agent.pods
          .summaries()
          .filter(({ number }) => number < below)
          .sort((a, b) => b.number - a.number);
        const items = pods.slice(0, limit);
        return { items, next: pods.length > limit ? String(items.at(-1)?.number) : null };
      },
    );

    app.get(
      '/pods/:id',
      {
        schema: {
          summary: 'Returns a pod with its device, the programs on it, its routes and neighbors',
          tags,
          params: podParamsSchema,
          response: { 200: podSchema, ...problemResponses },
        },
      },
      ({ params }) => agent.pods.describe(agent.pods.find(params.id)),
    );

    app.get(
      '/pods/:id/path',
      {
        schema: {
          summary: 'Returns the path of a packet that leaves the pod, hop by hop',
          tags,
          params: podParamsSchema,
          response: { 200: podPathSchema, ...problemResponses },
        },
      },
      async ({ params }) => {
        const id = agent.pods.find(params.id);
        const path = await agent.pods.path(id);
        const { previous, latest } = agent.sampler;
        const number = agent.pods.summaries().find((each) => each.id === id)?.number;
        const traffic =
          previous && latest && number !== undefined ? computeEgressByPath(previous, latest, number) : null;
        const addresses = agent.pods.summaries().find((each) => each.id === id)?.addresses ?? [];
        const services = (await agent.cluster?.servicesOf(addresses)) ?? [];
        return { ...path, traffic, services };
      },
    );

    app.get(
      '/pods/:id/network-state',
      {
        schema: {
          summary:
            'Returns every setting of both interfaces of the pod’s device: what a migration carries over',
          tags,
          params: podParamsSchema,
          response: { 200: podNetworkStateSchema, ...problemResponses },
        },
      },
      ({ params }) => agent.pods.networkState(agent.pods.find(params.id)),
    );

    app.post(
      '/pods',
      {
        schema: {
          summary: 'Attaches a pod: gives its network namespace a device',
          tags,
          body: newPodSchema,
          response: { 201: podSchema, ...problemResponses },
        },
      },
      async ({ body }, reply) => {
        const attached = await agent.pods.attach(body);
        return reply.code(201).header('location', `/api/v1/pods/${attached.id}`).send(attached);
      },
    );

    app.post(
      '/pods/:id/release',
      {
        schema: {
          summary:
            'Gives an adopted pod back as it was before it was adopted; with `dryRun` returns the plan',
          description:
            'A pod on a device of Podlane’s first returns to one as others made it, by a migration that the stream reports.',
          tags,
          params: podParamsSchema,
          body: newReleaseSchema,
          response: {
            200: z.union([releasePlanSchema, releaseSchema]).describe('The plan, or released'),
            202: releaseSchema.describe('Its migration runs, and ends with the release'),
            ...problemResponses,
          },
        },
      },
      async ({ params, body, headers }, reply) => {
        const id = agent.pods.find(params.id);
        if (body.dryRun) return agent.pods.planRelease(id);
        const migration = await agent.pods.release(id, readActor(headers), body.accept);
        return reply.code(migration === null ? 200 : 202).send({ migration });
      },
    );

    app.patch(
      '/pods/:id',
      {
        schema: {
          summary: 'Changes labels, annotations or named ports of a pod; the rules follow',
          description:
            'Replaces each that is given as a whole. Those of a pod that a cluster describes are the cluster’s: `kubernetes_owned`.',
          tags,
          params: podParamsSchema,
          body: podChangeSchema,
          response: { 200: podSchema, ...problemResponses },
        },
      },
      ({ params, body, headers }) => agent.pods.change(agent.pods.find(params.id), body, readActor(headers)),
    );

    app.delete(
      '/pods/:id',
      {
        schema: {
          summary: 'Detaches a pod: removes its device and keeps its network namespace',
          tags,
          params: podParamsSchema,
          response: { 204: z.null().describe('Detached'), ...problemResponses },
        },
      },
      async ({ params }, reply) => {
        await agent.pods.detach(agent.pods.find(params.id));
        return reply.code(204).send(null);
      },
    );
  };
