import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { event } from '../../contract/event.ts';
import { listOf } from '../../contract/list.ts';
import type { Agent } from './agent.ts';
import { refusals } from './openapi.ts';
import { pageOfPod, podId } from './page.ts';

export const eventRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/events',
      {
        schema: {
          summary: 'What happened, the newest first',
          tags: ['events'],
          querystring: pageOfPod,
          response: { 200: listOf(event), ...refusals },
        },
      },
      ({ query }) => agent.store.listEvents({ ...query, pod: podId(agent, query.pod) }),
    );
  };
