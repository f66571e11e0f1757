import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { ProblemError } from '../contract/problem.ts';
import type { Role } from '../contract/roles.ts';
import { Admission } from './admission.ts';
import type { AgentConnection } from './agent-connection.ts';
import { forwardToAgent } from './api-proxy.ts';
import { setSecurityHeaders } from './security-headers.ts';
import type { Dashboard } from './dashboard.ts';
import { toProblemError, sendError, rejectUpgrade, sendNotice } from './error-response.ts';
import type { Session } from './sessions.ts';
import { openStreamProxy } from './stream-proxy.ts';

const streamPath = '/api/v1/stream';
/** As the agent takes at most, of access rules: what is larger shall not travel twice. */
const maxBodyBytes = 8 << 20;
/** A request that runs while the gateway stops has this long to end. */
const graceMs = 300;

export interface Gateway {
  port: number;
  /** A new sign-in link; the one of this role before no longer works. */
  newLink(role?: Role): string;
  stop(): Promise<void>;
}

export interface GatewayParts {
  port: number;
  allowHosts: string[];
  agent: AgentConnection;
  pages: Dashboard;
  dev: boolean;
}

/** Serves the dashboard and the agent's API on 127.0.0.1 to those who are signed in. @throws EADDRINUSE */
export async function openGateway({ port, allowHosts, agent, pages, dev }: GatewayParts): Promise<Gateway> {
  const admission = new Admission(allowHosts);
  const streams = openStreamProxy(agent, (session) => admission.sessions.isLive(session));
  const admitted = new WeakMap<FastifyRequest, Session>();
  const app = fastify({
    bodyLimit: maxBodyBytes,
    requestTimeout: 30_000,
    logger: { level: 'warn', stream: process.stderr },
  });

  app.addHook('onRequest', async (request, reply) => {
    setSecurityHeaders(reply.raw);
    admission.checkOrigin(request.raw);
    const token = tokenOfSignInLink(request);
    if (token !== undefined) return handleSignIn(admission, token, request, reply);
    admitted.set(request, admission.admit(request.raw));
  });

  app.setErrorHandler((error, request, reply) => {
    if (toProblemError(error).code === 'internal') request.log.error(error);
    return sendError(request, reply, error);
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.all('/api/v1/*', (request, reply) => forwardToAgent(agent, admitted.get(request)!, request, reply));
  app.all('/api/*', () => {
    throw new ProblemError('not_found', 'The API is under /api/v1');
  });

  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // Next reads a body itself; only its development overlay sends one.
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.all('/*', async (request, reply) => {
      if (!dev && request.method !== 'GET' && request.method !== 'HEAD')
        throw new ProblemError('method_not_allowed', `${request.method} of a page`);
      reply.hijack();
      await pages.answer(request.raw, reply.raw);
    });
  });

  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    try {
      const session = admission.admit(request);
      const path = request.url?.split('?')[0];
      if (path === streamPath) streams.upgrade(request, socket, head, session);
      else if (dev && path?.startsWith('/_next/')) pages.upgrade(request, socket, head);
      else throw new ProblemError('not_found', `There is no WebSocket at ${path}`);
    } catch (error) {
      rejectUpgrade(socket, error);
    }
  });

  await app.listen({ host: '127.0.0.1', port });
  const bound = (app.server.address() as AddressInfo).port;
  admission.listening(bound);

  return {
    port: bound,
    newLink: (role = 'admin') => `http://127.0.0.1:${bound}/?token=${admission.signIn.issue(role)}`,
    async stop() {
      streams.close();
      setTimeout(() => app.server.closeAllConnections(), graceMs).unref();
      await Promise.all([app.close(), pages.close(), agent.close()]);
    },
  };
}

/** The token of a sign-in link, `GET /?token=…`. */
function tokenOfSignInLink(request: FastifyRequest): string | undefined {
  if (request.method !== 'GET' || !request.url.startsWith('/?')) return undefined;
  return new URLSearchParams(request.url.slice(2)).get('token') ?? undefined;
}

/** Answers a sign-in link with a session and the way to the page without the token. */
function handleSignIn(
  admission: Admission,
  token: string,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  reply.header('Cache-Control', 'no-store').header('Referrer-Policy', 'no-referrer');
  const session = admission.session(request.raw);
  try {
    reply.header('Set-Cookie', admission.redeem(token));
  } catch (error) {
    // Someone who is signed in and opens a used link again just gets in, as who they are.
    if (session === undefined) throw error;
  }
  // Browsers keep a SameSite=Strict cookie back on a redirect that a foreign page's link began, not on a refresh.
  if (request.headers['sec-fetch-site'] === 'cross-site')
    return sendNotice(reply, { title: 'Signed in', detail: 'The dashboard opens', next: '/' });
  return reply.redirect('/', 303);
}
