import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { nodeSettingsSchema, podSettingsSchema } from '../../../contract/settings.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { podParamsSchema } from '../pod-parameter.ts';

const tags = ['node'];

/** HTTP routes of the settings of the node and of its pods. */
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

    app.get(
      '/pods/:id/settings',
      {
        schema: {
          summary: 'Returns the settings of a pod',
          tags: ['pods'],
          params: podParamsSchema,
          response: { 200: podSettingsSchema, ...problemResponses },
        },
      },
      ({ params }) => agent.pods.podSettings(agent.pods.find(params.id)),
    );

    app.put(
      '/pods/:id/settings',
      {
        schema: {
          summary: 'Changes the settings of a pod; they apply immediately and persist',
          tags: ['pods'],
          params: podParamsSchema,
          body: podSettingsSchema,
          response: { 200: podSettingsSchema, ...problemResponses },
        },
      },
      ({ params, body }) => agent.pods.setPodSettings(agent.pods.find(params.id), body),
    );
  };
