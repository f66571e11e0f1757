import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { event } from '../../../contract/event.ts';
import { listOf } from '../../../contract/list.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';
import { podPageQuery, storePage } from '../paging.ts';

/** The node's event log. */
export const eventRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/events',
      {
        schema: {
          summary: 'Lists events of the node and its pods, newest first',
          tags: ['events'],
          querystring: podPageQuery,
          response: { 200: listOf(event), ...problemResponses },
        },
      },
      ({ query }) => agent.store.listEvents(storePage(agent, query)),
    );
  };
