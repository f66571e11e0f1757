import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { sessionSchema } from '../../../contract/session.ts';
import { readActor } from '../actor.ts';
import { problemResponses } from '../openapi.ts';
import { readRole } from '../role-check.ts';

/** HTTP route that returns the caller's session. */
export const sessionRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/session',
    {
      schema: {
        summary: 'Returns the caller’s actor, which events name, and role',
        tags: ['node'],
        response: { 200: sessionSchema, ...problemResponses },
      },
    },
    ({ headers }) => ({
      actor: readActor(headers),
      role: readRole(headers),
    }),
  );
};
