import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { podNetworkStateSchema } from '../../../contract/network-state.ts';
import { createPageSchema } from '../../../contract/pagination.ts';
import { newPodSchema, podSchema, podSummarySchema } from '../../../contract/pod.ts';
import { podPathSchema } from '../../../contract/pod-path.ts';
import { computeEgressByPath } from '../../counters/egress-by-path.ts';
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
        return { ...path, traffic };
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
