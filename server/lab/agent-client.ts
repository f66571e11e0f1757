import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError, problem } from '../../contract/problem.ts';

/** Where an agent answers: a Unix socket, or TCP with the token it asks for. */
export type AgentEndpoint = { socketPath: string } | { host: string; port: number; token: string };

/**
 * Reads `unix:/run/podlane/agent.sock` or `http://127.0.0.1:7001`.
 * @throws ProblemError bad_request when it is neither, or TCP comes without a token
 */
export function parseAgentEndpoint(text: string, tokenFile?: string): AgentEndpoint {
  if (text.startsWith('unix:')) return { socketPath: text.slice('unix:'.length) };
  const url = URL.parse(text);
  if (url?.protocol !== 'http:')
    throw new ProblemError('bad_request', `agent ${text}: neither unix:PATH nor http://HOST:PORT`);
  if (tokenFile === undefined)
    throw new ProblemError('bad_request', `agent ${text}: over TCP it asks for a token`, {
      hint: 'give --token-file',
    });
  return { host: url.hostname, port: Number(url.port), token: readFileSync(tokenFile, 'utf8').trim() };
}

const keepAlive = new Agent({ keepAlive: true, maxSockets: 4 });

/**
 * Asks the agent for one thing and gives the JSON it answers, null when it answers nothing.
 * @throws ProblemError the agent's own problem; agent_unreachable when it does not answer in `withinMs`
 */
export async function requestAgent(
  door: AgentEndpoint,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  { body, withinMs = 30_000 }: { body?: unknown; withinMs?: number } = {},
): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const { status, answer } = await exchange(door, method, path, text, withinMs).catch((cause: Error) => {
    throw new ProblemError('agent_unreachable', `${method} ${path} of ${endpointName(door)}: ${cause.message}`, {
      cause,
    });
  });
  const json = answer === '' ? null : JSON.parse(answer);
  if (status < 400) return json;
  const told = problem.safeParse(json);
  if (!told.success)
    throw new ProblemError('internal', `${method} ${path} of ${endpointName(door)}: answered ${status} ${answer}`);
  const { code, detail, hint, errors, verifier } = told.data;
  throw new ProblemError(code, detail, { hint, errors, verifier });
}

/** Waits until the agent answers. @throws ProblemError agent_unreachable, as it was at the end */
export async function waitForAgent(door: AgentEndpoint, withinMs: number, signal?: AbortSignal): Promise<void> {
  const until = performance.now() + withinMs;
  for (;;) {
    try {
      await requestAgent(door, 'GET', '/api/v1/node', { withinMs: 5000 });
      return;
    } catch (error) {
      if (!(error instanceof ProblemError && error.code === 'agent_unreachable')) throw error;
      if (performance.now() > until || signal?.aborted) throw error;
      await sleep(50, undefined, { signal }).catch(() => {});
    }
  }
}

const endpointName = (door: AgentEndpoint) =>
  'socketPath' in door ? `the agent at ${door.socketPath}` : `the agent at ${door.host}:${door.port}`;

function exchange(door: AgentEndpoint, method: string, path: string, body: string | undefined, withinMs: number) {
  const where = 'socketPath' in door ? { socketPath: door.socketPath } : { host: door.host, port: door.port };
  return new Promise<{ status: number; answer: string }>((resolve, reject) => {
    const asking = request(
      {
        ...where,
        agent: keepAlive,
        method,
        path,
        signal: AbortSignal.timeout(withinMs),
        headers: {
          ...('token' in door ? { authorization: `Bearer ${door.token}` } : {}),
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      },
      async (response) => {
        try {
          let answer = '';
          for await (const chunk of response.setEncoding('utf8')) answer += chunk;
          resolve({ status: response.statusCode!, answer });
        } catch (error) {
          reject(error);
        }
      },
    );
    asking.on('error', reject);
    asking.end(body);
  });
}
