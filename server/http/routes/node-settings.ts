import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { nodeSettings } from '../../../contract/settings.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['node'];

export const settingRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/node/settings',
      {
        schema: {
          summary: 'What was chosen for the node',
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
          summary: 'Chooses for the node, from the next packet on and over restarts',
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
