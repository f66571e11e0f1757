import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError, problemSchema } from '../../contract/problem.ts';

/** Endpoint of an agent: a Unix socket, or TCP with a bearer token. */
export type AgentEndpoint = { socketPath: string } | { host: string; port: number; token: string };

/**
 * Parses `unix:/run/podlane/agent.sock` or `http://127.0.0.1:7001`.
 * @throws ProblemError `bad_request` for another form, or TCP without a token file
 */
export function parseAgentEndpoint(text: string, tokenFile?: string): AgentEndpoint {
  if (text.startsWith('unix:')) return { socketPath: text.slice('unix:'.length) };
  const url = URL.parse(text);
  if (url?.protocol !== 'http:')
    throw new ProblemError('bad_request', `agent ${text}: expected unix:PATH or http://HOST:PORT`);
  if (tokenFile === undefined)
    throw new ProblemError('bad_request', `agent ${text}: a token is required over TCP`, {
      hint: 'give --token-file',
    });
  return { host: url.hostname, port: Number(url.port), token: readFileSync(tokenFile, 'utf8').trim() };
}

const keepAlive = new Agent({ keepAlive: true, maxSockets: 4 });

/**
 * Sends a request to the agent.
 * @returns the JSON of the response, null without a body
 * @throws ProblemError the agent's problem, or `agent_unreachable` when it does not respond within `timeoutMs`
 */
export async function requestAgent(
  endpoint: AgentEndpoint,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  { body, timeoutMs = 180_000 }: { body?: unknown; timeoutMs?: number } = {},
): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const { status, text: responseText } = await exchange(endpoint, method, path, text, timeoutMs).catch(
    (cause: Error) => {
      throw new ProblemError(
        'agent_unreachable',
        `${method} ${path} of ${endpointName(endpoint)}: ${cause.message}`,
        {
          cause,
        },
      );
    },
  );
  const json: unknown = responseText === '' ? null : JSON.parse(responseText);
  if (status < 400) return json;
  const reported = problemSchema.safeParse(json);
  if (!reported.success)
    throw new ProblemError(
      'internal',
      `${method} ${path} of ${endpointName(endpoint)}: status ${status} ${responseText}`,
    );
  const { code, detail, hint, errors, verifier } = reported.data;
  throw new ProblemError(code, detail, { hint, errors, verifier });
}

/** Waits until the agent responds. @throws ProblemError `agent_unreachable` of the last attempt */
export async function waitForAgent(
  endpoint: AgentEndpoint,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    try {
      await requestAgent(endpoint, 'GET', '/api/v1/node', { timeoutMs: 5000 });
      return;
    } catch (error) {
      if (!(error instanceof ProblemError && error.code === 'agent_unreachable')) throw error;
      if (performance.now() > until || signal?.aborted) throw error;
      await sleep(50, undefined, { signal }).catch(() => {});
    }
  }
}

const endpointName = (endpoint: AgentEndpoint) =>
  'socketPath' in endpoint
    ? `the agent at ${endpoint.socketPath}`
    : `the agent at ${endpoint.host}:${endpoint.port}`;

function exchange(
  endpoint: AgentEndpoint,
  method: string,
  path: string,
  body: string | undefined,
  timeoutMs: number,
): Promise<{ status: number; text: string }> {
  const where =
    'socketPath' in endpoint
      ? { socketPath: endpoint.socketPath }
      : { host: endpoint.host, port: endpoint.port };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        ...where,
        agent: keepAlive,
        method,
        path,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          ...('token' in endpoint ? { authorization: `Bearer ${endpoint.token}` } : {}),
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      },
      async (response) => {
        try {
          let text = '';
          for await (const chunk of response.setEncoding('utf8')) text += chunk;
          resolve({ status: response.statusCode ?? 0, text });
        } catch (error) {
          reject(error);
        }
      },
    );
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // The agent closed an idle connection just before the request was written to it, so that it has not got the request.
      if (error.code === 'EPIPE' && outgoing.reusedSocket)
        resolve(exchange(endpoint, method, path, body, timeoutMs));
      else reject(error);
    });
    outgoing.end(body);
  });
}
