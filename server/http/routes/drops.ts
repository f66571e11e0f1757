import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { podConnectionTableSchema } from '../../../contract/connection-table.ts';
import { podDropsSchema } from '../../../contract/drops.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { podParamsSchema } from '../pod-parameter.ts';

/** HTTP routes that return what a pod loses: dropped packets, and connections that had no room. */
export const dropRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/pods/:id/drops',
      {
        schema: {
          summary:
            'Returns the pod’s dropped packets by reason, those of Podlane’s programs and those of the kernel',
          tags: ['pods'],
          params: podParamsSchema,
          response: { 200: podDropsSchema, ...problemResponses },
        },
      },
      ({ params }) => agent.drops.of(agent.pods.find(params.id)),
    );

    app.get(
      '/pods/:id/connection-table',
      {
        schema: {
          summary: 'Returns the pod’s use of the connection table of the access rules',
          tags: ['pods'],
          params: podParamsSchema,
          response: { 200: podConnectionTableSchema, ...problemResponses },
        },
      },
      ({ params }) => agent.rules.connectionTable(agent.pods.find(params.id)),
    );
  };
