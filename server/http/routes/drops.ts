import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { podDrops } from '../../../contract/drops.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';
import { podParams } from '../pod-ref.ts';

/** Dropped packets of a pod. */
export const dropRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/pods/:id/drops',
      {
        schema: {
          summary:
            'Returns the pod’s dropped packets by reason, those of Podlane’s programs and those of the kernel',
          tags: ['pods'],
          params: podParams,
          response: { 200: podDrops, ...problemResponses },
        },
      },
      ({ params }) => agent.drops.of(agent.pods.find(params.id)),
    );
  };
