import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from '../../contract/problem.ts';
import { type Role, roleIncludes } from '../../contract/roles.ts';
import { roleSchema } from '../../contract/session.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Minimum role for calling the HTTP route. Default: `viewer` for GET and HEAD, `operator` for other methods. */
    role?: Role;
  }
}

/**
 * Returns the caller's role, which the gateway sets in `x-podlane-role`. Without the header the caller uses the socket
 * itself or has the agent's token, and is an admin. A header with an unknown role counts as `viewer`.
 */
export function readRole({ 'x-podlane-role': header }: IncomingHttpHeaders): Role {
  if (header === undefined) return 'admin';
  return roleSchema.safeParse(header).data ?? 'viewer';
}

/** Checks that the caller has at least the given role. @throws ProblemError `forbidden` */
export function requireRole({ method, url, headers }: FastifyRequest, needed: Role): void {
  const has = readRole(headers);
  if (roleIncludes(has, needed)) return;
  throw new ProblemError(
    'forbidden',
    `${method} ${url.slice(0, 200)} requires the role ${needed}; this session has ${has}`,
    {
      hint: `sign in with a link for the role ${needed}: press Enter in the terminal where Podlane runs`,
    },
  );
}

/**
 * Registers a hook that checks the caller's role before the body is read. Must be called before routes are registered.
 */
export function registerRoleChecks(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    if (request.is404) return;
    const reads = request.method === 'GET' || request.method === 'HEAD';
    requireRole(request, request.routeOptions.config.role ?? (reads ? 'viewer' : 'operator'));
  });
}
