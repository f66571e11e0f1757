import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ProblemError } from '../../../contract/problem.ts';
import { browserSessionSchema, sessionSchema } from '../../../contract/session.ts';
import { readActor } from '../actor.ts';
import { problemResponses } from '../openapi.ts';
import { readRole } from '../role-check.ts';

/**
 * HTTP route that returns the caller's session. Those of browsers' sessions are here for the API description: the gateway
 * answers them itself.
 */
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

  app.delete(
    '/session',
    {
      schema: {
        summary: 'Signs out: ends the caller’s session of a browser (gateway only)',
        tags: ['node'],
        response: { 204: z.null(), ...problemResponses },
      },
    },
    () => refuse(),
  );

  app.get(
    '/sessions',
    {
      schema: {
        summary: 'Lists the caller’s session of a browser, an admin’s those of everybody (gateway only)',
        tags: ['node'],
        response: { 200: z.object({ items: z.array(browserSessionSchema) }), ...problemResponses },
      },
    },
    () => refuse(),
  );

  app.delete(
    '/sessions/:id',
    {
      schema: {
        summary: 'Ends a session of a browser: the caller’s, or as an admin any (gateway only)',
        tags: ['node'],
        params: z.object({ id: z.string() }),
        response: { 204: z.null(), ...problemResponses },
      },
    },
    () => refuse(),
  );
};

function refuse(): never {
  throw new ProblemError('not_found', 'Sessions of browsers are at the gateway, not at the agent', {
    hint: 'Ask at the address of the dashboard.',
  });
}
