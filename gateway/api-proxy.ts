import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Dispatcher } from 'undici';
import type { AgentConnection } from './agent-connection.ts';
import type { BrowserSession } from './sessions.ts';

/**
 * Request headers that the gateway forwards to the agent; cookies and `x-podlane-` headers from the browser are
 * dropped.
 */
const forwardedRequestHeaders = ['accept', 'content-type', 'if-match', 'if-none-match'];

/** Response headers that the gateway drops: hop-by-hop headers (RFC 9110, section 7.6.1) and cookies. */
const droppedResponseHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Returns headers that tell the agent who the caller is. The agent trusts them because only the gateway can reach
 * it.
 */
export const toActorHeaders = ({ actor, role }: BrowserSession) => ({
  'x-podlane-actor': actor,
  'x-podlane-role': role,
});

/** Forwards an API request to the agent and streams the response back. @throws ProblemError `agent_unreachable` */
export async function forwardToAgent(
  agent: AgentConnection,
  session: BrowserSession,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const disconnected = new AbortController();
  reply.raw.once('close', () => disconnected.abort());
  const headers: Record<string, string> = toActorHeaders(session);
  for (const name of forwardedRequestHeaders) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  const response = await agent.request({
    method: request.method as Dispatcher.HttpMethod,
    path: request.raw.url ?? '/',
    headers,
    body: request.body === undefined ? null : (request.body as Buffer),
    signal: disconnected.signal,
  });
  reply.code(response.statusCode).header('Cache-Control', 'no-store');
  const hopByHop = String(response.headers.connection ?? '')
    .toLowerCase()
    .split(/\s*,\s*/);
  for (const [name, value] of Object.entries(response.headers))
    if (value !== undefined && !droppedResponseHeaders.has(name) && !hopByHop.includes(name))
      reply.header(name, value);
  return reply.send(response.body);
}
