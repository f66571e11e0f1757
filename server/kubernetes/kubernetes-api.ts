import { createHash } from 'node:crypto';
import http, { type IncomingMessage } from 'node:http';
import https, { type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { podlaneVersion } from '../version.ts';
import { KubernetesApiError } from './api-error.ts';

/** Time in ms that a request may take. */
const requestTimeoutMs = 20_000;
/** Maximum size of a response, and of one event of a watch, in bytes. An object has at most 1.5 MB. */
const maxResponseBytes = 64 << 20;
const maxEventBytes = 8 << 20;
/** Connections that are kept open for the next request. */
const keptConnections = 2;

export interface ApiRequest {
  method?: 'GET' | 'POST' | 'PATCH';
  /** Path and query. */
  path: string;
  body?: unknown;
  contentType?: string;
  /** What is done, for error messages. */
  operation: string;
  timeoutMs?: number;
  signal: AbortSignal;
}

/** An event of a watch, as the API server sends it. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: unknown;
}

export interface WatchOptions {
  /** Time in ms without data after which the connection counts as lost. */
  idleMs: number;
  /** Called once the server has accepted the watch. */
  onOpen(): void;
  onEvent(event: WatchEvent): void;
}

/**
 * Requests to the API server with the credentials of a kubeconfig, which are read again for each request: tokens and
 * certificates are replaced while the agent runs.
 */
export class KubernetesApi {
  readonly #config: KubeConfig;
  readonly #server: URL;
  /** Kept-alive connections for the TLS settings of the last request. */
  #connections: { key: string; agent: http.Agent } | null = null;

  constructor(config: KubeConfig) {
    this.#config = config;
    this.#server = new URL(config.getCurrentCluster()?.server ?? '');
  }

  get server(): string {
    return this.#server.origin;
  }

  /** Sends a request and returns the parsed response. @throws KubernetesApiError */
  async request<T>(request: ApiRequest): Promise<T> {
    const { operation, timeoutMs = requestTimeoutMs } = request;
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
    const response = await this.#send({ ...request, signal });
    const text = await readText(response, operation);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new KubernetesApiError(operation, 'the response is not JSON', { cause });
    }
  }

  /**
   * Watches a resource until the server closes the connection.
   * @throws KubernetesApiError, and what `onEvent` throws
   */
  async watch(request: ApiRequest, { idleMs, onOpen, onEvent }: WatchOptions): Promise<void> {
    const { operation } = request;
    const response = await this.#send(request);
    onOpen();
    response.setTimeout(idleMs, () => {
      response.destroy(
        new KubernetesApiError(operation, `the server has sent nothing for ${idleMs / 1000} s`),
      );
    });
    let rest = '';
    try {
      for await (const chunk of response.setEncoding('utf8')) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > maxEventBytes) throw new KubernetesApiError(operation, 'an event is too large');
        for (const line of lines) if (line !== '') onEvent(parseEvent(line, operation));
      }
      if (rest !== '') onEvent(parseEvent(rest, operation));
    } catch (error) {
      throw asApiError(operation, error);
    } finally {
      response.destroy();
    }
  }

  close(): void {
    this.#connections?.agent.destroy();
  }

  async #send(request: ApiRequest): Promise<IncomingMessage> {
    const { method = 'GET', path, body, contentType = 'application/json', operation, signal } = request;
    signal.throwIfAborted();
    let options: RequestOptions;
    try {
      options = await this.#options();
    } catch (cause) {
      throw new KubernetesApiError(operation, `the credentials cannot be read: ${(cause as Error).message}`, {
        cause,
      });
    }
    const text = body === undefined ? null : JSON.stringify(body);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = (this.#server.protocol === 'http:' ? http : https).request(
      {
        ...options,
        host: this.#server.hostname.replace(/^\[(.*)\]$/, '$1'),
        port: this.#server.port || (this.#server.protocol === 'http:' ? 80 : 443),
        method,
        path: this.#server.pathname.replace(/\/$/, '') + path,
        signal,
        headers: {
          ...options.headers,
          accept: 'application/json',
          'user-agent': `podlane/${podlaneVersion}`,
          ...(text === null
            ? {}
            : { 'content-type': contentType, 'content-length': String(Buffer.byteLength(text)) }),
        },
      },
      resolve,
    );
    sent.on('error', reject);
    // The kernel notices a peer that is gone, too.
    sent.on('socket', (socket) => socket.setKeepAlive(true, 15_000));
    sent.end(text ?? undefined);
    try {
      const response = await promise;
      if (response.statusCode !== undefined && response.statusCode >= 200 && response.statusCode < 300)
        return response;
      throw await readRefusal(response, operation);
    } catch (error) {
      throw asApiError(operation, error);
    }
  }

  async #options(): Promise<RequestOptions> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    if (this.#config.getCurrentCluster()?.proxyUrl) return options;
    const { ca, cert, key, servername, rejectUnauthorized, headers, auth } = options;
    const tls = { ca, cert, key, servername, rejectUnauthorized };
    const hash = createHash('sha256').update(JSON.stringify([servername, rejectUnauthorized]));
    for (const part of [ca, cert, key]) hash.update(String(part ?? '')).update('\0');
    const digest = hash.digest('base64');
    if (this.#connections?.key !== digest) {
      const kept = { keepAlive: true, maxFreeSockets: keptConnections };
      const agent =
        this.#server.protocol === 'http:'
          ? new http.Agent(kept)
          : new https.Agent({ ...kept, ...withoutUndefined(tls) });
      // Requests that run with the settings of before end by themselves.
      this.#connections = { key: digest, agent };
    }
    return { agent: this.#connections.agent, ...withoutUndefined({ headers, auth }) };
  }
}

const withoutUndefined = <T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

async function readText(response: IncomingMessage, operation: string): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response) {
      size += (chunk as Buffer).length;
      if (size > maxResponseBytes) throw new KubernetesApiError(operation, 'the response is too large');
      parts.push(chunk as Buffer);
    }
  } catch (error) {
    throw asApiError(operation, error);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Reads why the server refuses: a Status of k8s.io/apimachinery/pkg/apis/meta/v1, or any text. */
async function readRefusal(response: IncomingMessage, operation: string): Promise<KubernetesApiError> {
  const { statusCode = 0, statusMessage = '' } = response;
  const text = await readText(response, operation);
  let said = text.slice(0, 300);
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') said = message.slice(0, 1000);
  } catch {
    // Not a Status.
  }
  const wait = Number(response.headers['retry-after']);
  return new KubernetesApiError(
    operation,
    `the API server answers ${statusCode} ${statusMessage}${said === '' ? '' : `: ${said}`}`,
    { status: statusCode, retryAfterMs: wait > 0 ? wait * 1000 : null },
  );
}

function parseEvent(line: string, operation: string): WatchEvent {
  let event: Partial<WatchEvent> | null = null;
  try {
    event = JSON.parse(line) as Partial<WatchEvent> | null;
  } catch {
    // As one that is JSON, but no event.
  }
  if (typeof event?.type === 'string' && typeof event.object === 'object' && event.object !== null)
    return event as WatchEvent;
  throw new KubernetesApiError(operation, `not an event of a watch: ${line.slice(0, 100)}`);
}

function asApiError(operation: string, error: unknown): unknown {
  if (error instanceof KubernetesApiError) return error;
  const { name, code, message, cause } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError' || (cause as Error | undefined)?.name === 'TimeoutError')
    return new KubernetesApiError(operation, 'the API server does not answer in time', { cause: error });
  if (name === 'AbortError') return error;
  // What Node.js says of a response that is not complete.
  if (code === 'ECONNRESET')
    return new KubernetesApiError(operation, 'the API server has closed the connection', { cause: error });
  return new KubernetesApiError(operation, message === '' ? String(code) : message, { cause: error });
}
