import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { agentEventSchema } from '../../../contract/agent-event.ts';
import { createPageSchema } from '../../../contract/pagination.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { podPageQuerySchema, toStorePageRequest } from '../page-query.ts';

/** HTTP route that lists the node's events. */
export const eventRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/events',
      {
        schema: {
          summary: 'Lists events of the node and its pods, newest first',
          tags: ['events'],
          querystring: podPageQuerySchema,
          response: { 200: createPageSchema(agentEventSchema), ...problemResponses },
        },
      },
      ({ query }) => agent.store.listEvents(toStorePageRequest(agent, query)),
    );
  };
