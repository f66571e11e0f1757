import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { nodeSettings } from '../../../contract/settings.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['node'];

/** Settings of the node. */
export const nodeSettingRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/node/settings',
      {
        schema: {
          summary: 'Returns the node settings',
          tags,
          response: { 200: nodeSettings, ...problemResponses },
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
          body: nodeSettings,
          response: { 200: nodeSettings, ...problemResponses },
        },
      },
      async ({ body }) => {
        await agent.pods.setRedirect(body.redirect);
        return { redirect: agent.pods.redirect };
      },
    );
  };
