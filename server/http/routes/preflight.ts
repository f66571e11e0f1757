import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import {
  newPreflightSchema,
  podPreflightSchema,
  preflightQuerySchema,
  preflightSchema,
} from '../../../contract/preflight.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { podParamsSchema } from '../pod-parameter.ts';

const tags = ['preflight'];
const bounded =
  'Changes nothing. A request looks at further pods for 10 seconds; `remaining` is the number of pods that it did not reach: ask again with the same `since`.';

/** HTTP routes of the preflight: whether pods can be on netkit, and if not, why. */
export const preflightRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/preflight',
      {
        schema: {
          summary: 'Returns whether the node and its pods can be on netkit, with each reason and its remedy',
          description: bounded,
          tags,
          querystring: preflightQuerySchema,
          response: { 200: preflightSchema, ...problemResponses },
        },
      },
      ({ query: { since, pods } }) => agent.preflights.look(pods === 'none' ? null : { all: true, since }),
    );

    app.post(
      '/preflight',
      {
        config: { role: 'viewer' },
        schema: {
          summary: 'Returns whether some pods can be on netkit, with each reason and its remedy',
          description: bounded,
          tags,
          body: newPreflightSchema,
          response: { 200: preflightSchema, ...problemResponses },
        },
      },
      ({ body }) => agent.preflights.look(body),
    );

    app.get(
      '/pods/:id/preflight',
      {
        schema: {
          summary: 'Returns whether a pod can be on netkit, with everything that was looked at',
          description: 'Changes nothing.',
          tags,
          params: podParamsSchema,
          response: { 200: podPreflightSchema, ...problemResponses },
        },
      },
      ({ params }) => agent.preflights.pod(params.id),
    );
  };
