import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

const health = z.object({
  status: z.literal('ok'),
  startedAt: z.iso.datetime(),
  pods: z.number().int(),
});

/** HTTP route that reports whether the agent is alive. */
export const healthRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/health',
      {
        schema: {
          summary: 'Reports that the agent is running and can read its database',
          tags: ['node'],
          response: { 200: health, ...problemResponses },
        },
      },
      async () => {
        await agent.store.listEvents({ limit: 1 });
        return {
          status: 'ok' as const,
          startedAt: agent.startedAt.toISOString(),
          pods: agent.pods.summaries().length,
        };
      },
    );
  };
