import type { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import { ProblemError, problem } from '../contract/problem.ts';

interface Sent {
  /** JSON; with `type`, a text of that type */
  body?: unknown;
  type?: string;
  signal?: AbortSignal;
}

/** The agent behind its Unix socket. Everything throws ProblemError: the agent's own, or `agent_unreachable`. */
export class AgentClient {
  readonly socket: string;
  readonly #pool: Pool;

  constructor(socket: string) {
    this.socket = socket;
    this.#pool = new Pool('http://localhost', { socketPath: socket, bodyTimeout: 0 });
  }

  /** The JSON that a call answers, null when it answers nothing. @param path below `/api/v1` */
  async ask<T>(method: Dispatcher.HttpMethod, path: string, sent: Sent = {}): Promise<T> {
    const text = await this.text(method, path, sent);
    return (text === '' ? null : JSON.parse(text)) as T;
  }

  async text(method: Dispatcher.HttpMethod, path: string, sent: Sent = {}): Promise<string> {
    return (await this.#call(method, path, sent)).body.text();
  }

  /** What a GET answers, as it comes. */
  async open(path: string, signal?: AbortSignal): Promise<Readable> {
    return (await this.#call('GET', path, signal ? { signal } : {})).body;
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  async #call(method: Dispatcher.HttpMethod, path: string, { body, type, signal }: Sent) {
    let answer: Dispatcher.ResponseData;
    try {
      answer = await this.#pool.request({
        method,
        path: `/api/v1${path}`,
        headers: body === undefined ? {} : { 'content-type': type ?? 'application/json' },
        body: body === undefined ? null : type === undefined ? JSON.stringify(body) : String(body),
        signal: signal ?? null,
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new ProblemError(
        'agent_unreachable',
        `${method} ${path} at ${this.socket}: ${(cause as Error).message}`,
        {
          cause,
          hint: 'is the agent running, and its socket there (--socket PATH)? Only root and the socket’s group may use it',
        },
      );
    }
    if (answer.statusCode < 400) return answer;
    throw refusal(`${method} ${path}`, answer.statusCode, await answer.body.text());
  }
}

function refusal(what: string, status: number, text: string): ProblemError {
  try {
    const { code, detail, hint, errors } = problem.parse(JSON.parse(text));
    return new ProblemError(code, detail, { ...(hint === undefined ? {} : { hint }), errors });
  } catch {
    return new ProblemError('internal', `${what}: the agent answered ${status} ${text.slice(0, 300)}`);
  }
}
