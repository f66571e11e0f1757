import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { podDropsSchema } from '../../../contract/drops.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { podParamsSchema } from '../pod-parameter.ts';

/** HTTP route that returns the dropped packets of a pod. */
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
  };
