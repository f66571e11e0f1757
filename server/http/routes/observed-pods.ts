import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { adoptionPlanSchema, newAdoptionSchema } from '../../../contract/adoption.ts';
import { observedPodPathSchema } from '../../../contract/observed-path.ts';
import {
  observedPodPageSchema,
  observedPodSchema,
  runtimeListSchema,
} from '../../../contract/observed-pod.ts';
import { podSchema } from '../../../contract/pod.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { pageQuerySchema } from '../page-query.ts';

const tags = ['observed pods'];
const params = z.object({
  id: z.string().max(320).describe('`ns-` and the inode of the network namespace, or `host-` and an id'),
});
/** Numbers of observed pods start here; pages count from it. */
const firstNumber = 2 ** 31;

/** HTTP routes that list and describe the pods that others made, and the runtimes that made them. */
export const observedPodRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/observed-pods',
      {
        schema: {
          summary: 'Lists the pods of the node that others made, newest first',
          tags,
          querystring: pageQuerySchema,
          response: { 200: observedPodPageSchema, ...problemResponses },
        },
      },
      ({ query: { before, limit } }) => {
        const below = before === undefined ? Number.POSITIVE_INFINITY : firstNumber + Number(before);
        const pods = agent.observed
          .summaries()
          .filter(({ number }) => number < below)
          .sort((a, b) => b.number - a.number);
        const items = pods.slice(0, limit);
        const last = items.at(-1)?.number ?? firstNumber;
        return {
          observe: agent.observed.mode,
          items,
          next: pods.length > limit ? String(last - firstNumber) : null,
        };
      },
    );

    app.get(
      '/observed-pods/:id',
      {
        schema: {
          summary: 'Returns an observed pod: its interfaces, who it is, how it is counted, its routes',
          tags,
          params,
          response: { 200: observedPodSchema, ...problemResponses },
        },
      },
      ({ params: { id } }) => agent.observed.describe(id),
    );

    app.get(
      '/observed-pods/:id/path',
      {
        schema: {
          summary:
            'Returns the path of a packet that leaves an observed pod, hop by hop, with rules that translate it',
          tags,
          params,
          querystring: z.object({
            interface: z
              .string()
              .max(15)
              .optional()
              .describe('Default: the first one that leads to the node'),
          }),
          response: { 200: observedPodPathSchema, ...problemResponses },
        },
      },
      ({ params: { id }, query }) => agent.observed.path(id, query.interface),
    );

    app.post(
      '/observed-pods/:id/adopt',
      {
        schema: {
          summary:
            'Adopts a pod that others made, with the device that it has; with `dryRun` returns the plan',
          description:
            'Podlane gets a record of it and programs on its device, and nothing else of it changes. It can be migrated and released then.',
          tags,
          params,
          body: newAdoptionSchema,
          response: {
            200: adoptionPlanSchema.describe('The plan; nothing was changed'),
            201: podSchema.describe('The adopted pod'),
            ...problemResponses,
          },
        },
      },
      async ({ params: { id }, body, headers }, reply) => {
        if (body.dryRun) return agent.adoption.plan(id, body);
        const pod = await agent.adoption.adopt(id, body, readActor(headers));
        return reply.code(201).header('location', `/api/v1/pods/${pod.id}`).send(pod);
      },
    );

    app.get(
      '/runtimes',
      {
        schema: {
          summary: 'Lists the container runtimes that the agent looks for, and whether they answer',
          tags,
          response: { 200: runtimeListSchema, ...problemResponses },
        },
      },
      () => ({ observe: agent.observed.mode, items: agent.observed.runtimes() }),
    );
  };
