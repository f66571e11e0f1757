import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { session } from '../../../contract/session.ts';
import { actorOf } from '../actor.ts';
import { problemResponses } from '../openapi.ts';
import { roleOf } from '../role.ts';

/** The caller's session. */
export const sessionRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/session',
    {
      schema: {
        summary: 'Returns the caller’s actor, which events name, and role',
        tags: ['node'],
        response: { 200: session, ...problemResponses },
      },
    },
    ({ headers }) => ({
      actor: actorOf(headers),
      role: roleOf(headers),
    }),
  );
};
