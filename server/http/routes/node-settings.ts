import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { nodeSettingsSchema } from '../../../contract/settings.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['node'];

/** HTTP routes of the node's settings. */
export const nodeSettingRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/node/settings',
      {
        schema: {
          summary: 'Returns the node settings',
          tags,
          response: { 200: nodeSettingsSchema, ...problemResponses },
        },
      },
      () => ({ redirect: agent.pods.redirect }),
    );

    app.put(
      '/node/settings',
      {
        schema: {
          summary: 'Changes the node settings; they apply immediately and persist',
          tags,
          body: nodeSettingsSchema,
          response: { 200: nodeSettingsSchema, ...problemResponses },
        },
      },
      async ({ body }) => {
        await agent.pods.setRedirect(body.redirect);
        return { redirect: agent.pods.redirect };
      },
    );
  };
