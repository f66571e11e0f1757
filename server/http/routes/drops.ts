import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { podDrops } from '../../../contract/drops.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';
import { podParams } from './pods.ts';

export const dropRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/pods/:id/drops',
      {
        schema: {
          summary: 'The pod’s dropped packets by reason: those Podlane’s programs dropped, and the kernel’s',
          tags: ['pods'],
          params: podParams,
          response: { 200: podDrops, ...problemResponses },
        },
      },
      ({ params }) => agent.drops.of(agent.pods.find(params.id)),
    );
  };
