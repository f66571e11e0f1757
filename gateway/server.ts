import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { ProblemError } from '../contract/problem.ts';
import type { Role } from '../contract/roles.ts';
import { RequestAdmission } from './admission.ts';
import type { AgentConnection } from './agent-connection.ts';
import { forwardToAgent } from './api-proxy.ts';
import type { DashboardApp } from './dashboard.ts';
import {
  rejectMalformedRequest,
  rejectWebSocketUpgrade,
  sendErrorResponse,
  sendNoticePage,
  toProblemError,
} from './error-response.ts';
import type { KubernetesSignIn } from './kubernetes-sign-in.ts';
import { tokenSignInPath } from './notice-page.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { addSessionRoutes } from './session-routes.ts';
import type { BrowserSession } from './sessions.ts';
import { createStreamProxy } from './stream-proxy.ts';

const streamPath = '/api/v1/stream';
/** Maximum size of that form in bytes. */
const maxSignInSize = 32 << 10;
/** Maximum size of a request body in bytes; equal to the agent's limit for access rules. */
const maxBodySize = 8 << 20;
/** Milliseconds that running requests have to finish when the gateway stops. */
const stopGraceMs = 300;

export interface Gateway {
  port: number;
  /** Creates a new sign-in link for a role and invalidates the previous link of that role. */
  newLink(role?: Role): string;
  stop(): Promise<void>;
}

export interface GatewayOptions {
  port: number;
  allowHosts: string[];
  agent: AgentConnection;
  dashboard: DashboardApp;
  dev: boolean;
  /** Reviews tokens of Kubernetes; null: none sign in. */
  kubernetes?: Pick<KubernetesSignIn, 'review'> | null;
}

/**
 * Starts the gateway on 127.0.0.1, which serves the dashboard and the agent's API to signed-in browsers.
 * @throws Error EADDRINUSE
 */
export async function openGateway({
  port,
  allowHosts,
  agent,
  dashboard,
  dev,
  kubernetes = null,
}: GatewayOptions): Promise<Gateway> {
  const admission = new RequestAdmission(allowHosts, kubernetes);
  const { sessions } = admission;
  const streams = createStreamProxy(agent, {
    isLive: (session) => {
      // A session that is refused is aborted, which closes its streams.
      void admission.recheck(session).catch(() => undefined);
      return sessions.isLive(session);
    },
    touch: (session) => sessions.touch(session),
  });
  const admitted = new WeakMap<FastifyRequest, BrowserSession>();
  const sessionOf = (request: FastifyRequest): BrowserSession => {
    const session = admitted.get(request);
    if (session === undefined) throw new Error(`${request.method} ${request.url} was not admitted`);
    return session;
  };
  const app = fastify({
    bodyLimit: maxBodySize,
    requestTimeout: 30_000,
    logger: { level: 'warn', stream: process.stderr },
    // A path with malformed percent-escapes reaches no hook, and meets the same rules here.
    frameworkErrors: (error, request, reply) => {
      setSecurityHeaders(reply.raw);
      void findRefusal(admission, request).then((refusal) =>
        sendErrorResponse(request, reply, refusal ?? error, admission.takesTokens),
      );
    },
    clientErrorHandler(error, socket) {
      if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy();
      rejectMalformedRequest(socket, error.code);
    },
  });

  app.addHook('onRequest', async (request, reply) => {
    setSecurityHeaders(reply.raw);
    admission.checkOrigin(request.raw);
    const token = readSignInToken(request);
    if (token !== undefined) return handleSignIn(admission, token, request, reply);
    if (request.method === 'POST' && request.url === tokenSignInPath) return;
    admitted.set(request, await admission.admit(request.raw));
  });

  app.setErrorHandler((error, request, reply) => {
    if (toProblemError(error).code === 'internal') request.log.error(error);
    return sendErrorResponse(request, reply, error, admission.takesTokens);
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  addSessionRoutes(app, admission, sessionOf);
  app.post(tokenSignInPath, { bodyLimit: maxSignInSize }, async (request, reply) => {
    const token = new URLSearchParams(String(request.body ?? '')).get('token') ?? '';
    const cookies = await admission.signInWithToken(token.trim(), request.raw);
    return reply.header('Cache-Control', 'no-store').header('Set-Cookie', cookies).redirect('/', 303);
  });
  app.all('/api/v1/*', (request, reply) => forwardToAgent(agent, sessionOf(request), request, reply));
  app.all('/api/*', () => {
    throw new ProblemError('not_found', 'The API is under /api/v1');
  });

  // biome-ignore lint/nursery/noMisusedPromises: Fastify awaits plugins; the rule sees only the overload with a callback.
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // Next parses bodies itself; only its development overlay sends one.
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.all('/*', async (request, reply) => {
      if (!dev && request.method !== 'GET' && request.method !== 'HEAD')
        throw new ProblemError(
          'method_not_allowed',
          `${request.method} ${request.url}: pages support GET and HEAD`,
        );
      reply.hijack();
      await dashboard.answer(request.raw, reply.raw);
    });
  });

  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    try {
      const session = await admission.admit(request);
      const path = request.url?.split('?')[0];
      if (path === streamPath) streams.upgrade(request, socket, head, session);
      else if (dev && path?.startsWith('/_next/')) dashboard.upgrade(request, socket, head);
      else throw new ProblemError('not_found', `No WebSocket at ${path}`);
    } catch (error) {
      rejectWebSocketUpgrade(socket, error);
    }
  };
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    void upgrade(request, socket, head);
  });

  await app.listen({ host: '127.0.0.1', port });
  const bound = (app.server.address() as AddressInfo).port;
  admission.setPort(bound);

  return {
    port: bound,
    newLink: (role = 'admin') => `http://127.0.0.1:${bound}/?token=${admission.signInLinks.issue(role)}`,
    async stop() {
      streams.close();
      setTimeout(() => app.server.closeAllConnections(), stopGraceMs).unref();
      await Promise.all([app.close(), dashboard.close(), agent.close()]);
    },
  };
}

/** Returns why a request is not admitted; null if it is. */
async function findRefusal(admission: RequestAdmission, { raw }: FastifyRequest): Promise<unknown> {
  try {
    await admission.admit(raw);
    return null;
  } catch (error) {
    return error;
  }
}

/** Returns the token of a sign-in link (`GET /?token=…`), or undefined if the request has no token. */
function readSignInToken(request: FastifyRequest): string | undefined {
  if (request.method !== 'GET' || !request.url.startsWith('/?')) return undefined;
  return new URLSearchParams(request.url.slice(2)).get('token') ?? undefined;
}

/** Starts a session for a sign-in link and redirects the browser to the dashboard URL without the token. */
function handleSignIn(
  admission: RequestAdmission,
  token: string,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  reply.header('Cache-Control', 'no-store').header('Referrer-Policy', 'no-referrer');
  const session = admission.session(request.raw);
  try {
    reply.header('Set-Cookie', admission.redeem(token, request.raw, session));
  } catch (error) {
    // A browser that is signed in may open a used link again and keeps its session.
    if (session === undefined) throw error;
  }
  // Browsers do not send a SameSite=Strict cookie on a redirect of a cross-site navigation, but do on a refresh.
  if (request.headers['sec-fetch-site'] === 'cross-site')
    return sendNoticePage(reply, { title: 'Signed in', detail: 'Opening the dashboard', next: '/' });
  return reply.redirect('/', 303);
}
