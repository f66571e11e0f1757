import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from '../contract/problem.ts';
import { roleIncludes } from '../contract/roles.ts';
import type { RequestAdmission } from './admission.ts';
import type { BrowserSession } from './sessions.ts';

/**
 * Adds the gateway's own part of the API: signing out, and the list of sessions, of which a caller sees and ends his own
 * one and an admin all.
 */
export function addSessionRoutes(
  app: FastifyInstance,
  admission: RequestAdmission,
  sessionOf: (request: FastifyRequest) => BrowserSession,
): void {
  const { sessions } = admission;
  const isAdmin = (session: BrowserSession): boolean => roleIncludes(session.role, 'admin');

  app.delete('/api/v1/session', (request, reply) => {
    sessions.end(sessionOf(request).id);
    reply.header('Cache-Control', 'no-store').header('Set-Cookie', admission.removeCookies(request.raw));
    return reply.code(204).send();
  });

  app.get('/api/v1/sessions', (request, reply) => {
    const own = sessionOf(request);
    const items = sessions.list(own).filter((each) => each.own || isAdmin(own));
    return reply
      .header('Cache-Control', 'no-store')
      .type('application/json; charset=utf-8')
      .send(JSON.stringify({ items }));
  });

  app.delete('/api/v1/sessions/:id', (request, reply) => {
    const own = sessionOf(request);
    const { id } = request.params as { id: string };
    if (id !== own.id && !isAdmin(own))
      throw new ProblemError('forbidden', 'Ending the session of somebody else requires the role admin');
    if (!sessions.end(id))
      throw new ProblemError('not_found', 'There is no such session', {
        hint: 'It has ended already. GET /api/v1/sessions lists the sessions.',
      });
    return reply.header('Cache-Control', 'no-store').code(204).send();
  });
}
