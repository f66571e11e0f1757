import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { session } from '../../../contract/session.ts';
import { actorOf } from '../actor.ts';
import { problemResponses } from '../openapi.ts';
import { roleOf } from '../role.ts';

export const sessionRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/session',
    {
      schema: {
        summary: 'Who asks: the actor that events name, and the role',
        tags: ['node'],
        response: { 200: session, ...problemResponses },
      },
    },
    ({ headers }) => ({
      actor: actorOf(headers['x-podlane-actor']),
      role: roleOf(headers['x-podlane-role']),
    }),
  );
};
