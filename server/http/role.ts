import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from '../../contract/problem.ts';
import { mayAct, type Role } from '../../contract/roles.ts';
import { role } from '../../contract/session.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; by default viewers what only reads (GET, HEAD), operators the rest. */
    role?: Role;
  }
}

/**
 * The caller's role, as the gateway says in `x-podlane-role`. Without the header the caller is on the socket
 * itself or has the agent's token: admin. Of a header that names no role, only the least is believed.
 */
export function roleOf(header: string | string[] | undefined): Role {
  if (header === undefined) return 'admin';
  return role.safeParse(header).data ?? 'viewer';
}

/** @throws ProblemError `forbidden`: the caller's role is less than `needed` */
export function requireRole({ method, url, headers }: FastifyRequest, needed: Role): void {
  const has = roleOf(headers['x-podlane-role']);
  if (mayAct(has, needed)) return;
  throw new ProblemError('forbidden', `${method} ${url.slice(0, 200)} takes the role ${needed}, not ${has}`, {
    hint: `sign in with a link of the role ${needed}: press Enter in the terminal where Podlane runs`,
  });
}

/** Asks for each route's role before its body is read. Call before the routes are added. */
export function requireRoles(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    if (request.is404) return;
    const reads = request.method === 'GET' || request.method === 'HEAD';
    requireRole(request, request.routeOptions.config.role ?? (reads ? 'viewer' : 'operator'));
  });
}
