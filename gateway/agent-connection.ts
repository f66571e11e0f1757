import { type Dispatcher, errors, Pool } from 'undici';
import WebSocket from 'ws';
import { ProblemError } from '../contract/problem.ts';

export type AgentAddress = { kind: 'unix'; path: string } | { kind: 'tcp'; origin: string };

/** Reads `unix:/path` or `http://host:port`. @throws Error that says which forms there are */
export function parseAgentAddress(text: string): AgentAddress {
  if (text.startsWith('unix:/')) return { kind: 'unix', path: text.slice('unix:'.length) };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' && url.pathname === '/' && url.search === '')
    return { kind: 'tcp', origin: url.origin };
  throw new Error(`--agent ${text}: not unix:/path and not http://host:port`);
}

/** The way to one agent: HTTP over kept-alive connections, and its stream. */
export interface AgentConnection {
  name: string;
  /** @throws ProblemError agent_unreachable */
  request(options: Omit<Dispatcher.RequestOptions, 'origin'>): Promise<Dispatcher.ResponseData>;
  /** A WebSocket to `path` that is still connecting. */
  connect(path: string, headers: Record<string, string>): WebSocket;
  close(): Promise<void>;
}

const responseTimeoutMs = 30_000;

/** The largest message the agent's stream may carry: samples of 100,000 pods are 12 MB. */
const maxMessageBytes = 32 << 20;

export function connectAgent(address: AgentAddress, token: string | undefined): AgentConnection {
  const unix = address.kind === 'unix';
  const name = unix ? `unix:${address.path}` : address.origin;
  const bearer: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const pool = new Pool(unix ? 'http://localhost' : address.origin, {
    headersTimeout: responseTimeoutMs,
    bodyTimeout: 0,
    ...(unix ? { socketPath: address.path } : {}),
  });
  return {
    name,
    async request(options) {
      try {
        return await pool.request({ ...options, headers: { ...options.headers, ...bearer } });
      } catch (cause) {
        throw unreachableProblem(`${options.method} ${options.path} at ${name}`, cause);
      }
    },
    connect(path, headers) {
      const url = unix ? `ws+unix:${address.path}:${path}` : address.origin.replace(/^http/, 'ws') + path;
      return new WebSocket(url, {
        headers: { ...headers, ...bearer },
        perMessageDeflate: false,
        maxPayload: maxMessageBytes,
        handshakeTimeout: 5_000,
      });
    },
    close: () => pool.destroy(),
  };
}

function unreachableProblem(what: string, cause: unknown): ProblemError {
  const code = (cause as NodeJS.ErrnoException).code;
  const said = cause instanceof Error && cause.message !== '' ? cause.message : String(code);
  const hint =
    code === 'EACCES'
      ? 'The gateway’s user may not open the agent’s socket: start the agent with --socket-gid.'
      : cause instanceof errors.HeadersTimeoutError
        ? `The agent took longer than ${responseTimeoutMs / 1000} s: look at what it prints.`
        : 'The pods keep their network. Start the agent again; the dashboard comes back by itself.';
  return new ProblemError('agent_unreachable', `${what}: ${said}`, { cause, hint });
}
