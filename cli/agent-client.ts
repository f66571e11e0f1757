import type { Readable } from 'node:stream';
import type { Dispatcher, Pool } from 'undici';
import { ProblemError, problemSchema } from '../contract/problem.ts';

interface RequestOptions {
  /** Request body: sent as JSON, or as text if `type` sets a media type. */
  body?: unknown;
  type?: string;
  signal?: AbortSignal;
}

/**
 * Client of the agent's API on its Unix socket.
 * @throws ProblemError the agent's own problem, or `agent_unreachable`
 */
export class AgentClient {
  readonly socket: string;
  #pool: Promise<Pool> | null = null;

  constructor(socket: string) {
    this.socket = socket;
  }

  /** Imports the HTTP client at the first request, so that commands without an agent start faster. */
  #open(): Promise<Pool> {
    this.#pool ??= import('undici').then(
      ({ Pool }) => new Pool('http://localhost', { socketPath: this.socket, bodyTimeout: 0 }),
    );
    return this.#pool;
  }

  /** Returns the JSON of the response, or null if the response is empty. @param path path below `/api/v1` */
  async request<T>(method: Dispatcher.HttpMethod, path: string, options: RequestOptions = {}): Promise<T> {
    const text = await this.text(method, path, options);
    return (text === '' ? null : JSON.parse(text)) as T;
  }

  async text(method: Dispatcher.HttpMethod, path: string, options: RequestOptions = {}): Promise<string> {
    return (await this.#call(method, path, options)).body.text();
  }

  /** Returns the body of a GET response as a stream. */
  async open(path: string, signal?: AbortSignal): Promise<Readable> {
    return (await this.#call('GET', path, signal ? { signal } : {})).body;
  }

  async close(): Promise<void> {
    await (await this.#pool)?.destroy();
  }

  async #call(method: Dispatcher.HttpMethod, path: string, { body, type, signal }: RequestOptions) {
    let response: Dispatcher.ResponseData;
    const pool = await this.#open();
    try {
      response = await pool.request({
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
    if (response.statusCode < 400) return response;
    throw problemOf(`${method} ${path}`, response.statusCode, await response.body.text());
  }
}

function problemOf(what: string, status: number, text: string): ProblemError {
  try {
    const { code, detail, hint, errors } = problemSchema.parse(JSON.parse(text));
    return new ProblemError(code, detail, { ...(hint === undefined ? {} : { hint }), errors });
  } catch {
    return new ProblemError('internal', `${what}: the agent returned ${status} ${text.slice(0, 300)}`);
  }
}
