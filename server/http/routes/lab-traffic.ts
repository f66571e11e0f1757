import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { trafficReport } from '../../../contract/pod.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';

/** Only of an agent that was started with --lab. */
export const trafficRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.put(
      '/lab/traffic',
      {
        schema: {
          summary: 'What the lab’s own traffic counted so far',
          tags: ['lab'],
          body: trafficReport,
          response: { 204: z.null().describe('taken'), ...problemResponses },
        },
      },
      async ({ body }, reply) => {
        agent.pods.reportTraffic(body);
        return reply.code(204).send(null);
      },
    );
  };
