import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { trafficReportSchema } from '../../../contract/pod.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

/** HTTP route that receives reports of the lab's traffic; registered only with --lab. */
export const labTrafficRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.put(
      '/lab/traffic',
      {
        schema: {
          summary: 'Reports the request counts of the lab’s traffic',
          tags: ['lab'],
          body: trafficReportSchema,
          response: { 204: z.null().describe('Recorded'), ...problemResponses },
        },
      },
      async ({ body }, reply) => {
        agent.pods.reportTraffic(body);
        return reply.code(204).send(null);
      },
    );
  };
