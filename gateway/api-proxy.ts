import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Dispatcher } from 'undici';
import type { AgentConnection } from './agent-connection.ts';
import type { Session } from './sessions.ts';

/** What of a browser's request the agent gets to see. Never cookies, nor an `x-podlane-` header of its own. */
const forwardedRequestHeaders = ['accept', 'content-type', 'if-match', 'if-none-match'];

/** RFC 9110, 7.6.1; and cookies, which only the gateway sets. */
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

/** Names who acts, and as what; the agent believes it, because only the gateway reaches the agent. */
export const actorHeaders = ({ actor, role }: Session) => ({
  'x-podlane-actor': actor,
  'x-podlane-role': role,
});

/** Sends a call to the agent and its answer back, as it comes. @throws ProblemError agent_unreachable */
export async function forwardToAgent(
  agent: AgentConnection,
  session: Session,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const left = new AbortController();
  reply.raw.once('close', () => left.abort());
  const headers: Record<string, string> = actorHeaders(session);
  for (const name of forwardedRequestHeaders) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  const answer = await agent.request({
    method: request.method as Dispatcher.HttpMethod,
    path: request.raw.url ?? '/',
    headers,
    body: request.body === undefined ? null : (request.body as Buffer),
    signal: left.signal,
  });
  reply.code(answer.statusCode).header('Cache-Control', 'no-store');
  const named = String(answer.headers.connection ?? '')
    .toLowerCase()
    .split(/\s*,\s*/);
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined && !droppedResponseHeaders.has(name) && !named.includes(name)) reply.header(name, value);
  return reply.send(answer.body);
}
