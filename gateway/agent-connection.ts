import { type Dispatcher, errors, Pool } from 'undici';
import WebSocket from 'ws';
import { ProblemError } from '../contract/problem.ts';

export type AgentAddress = { kind: 'unix'; path: string } | { kind: 'tcp'; origin: string };

/** Parses an agent address, `unix:/path` or `http://host:port`. @throws Error if the text has neither form */
export function parseAgentAddress(text: string): AgentAddress {
  if (text.startsWith('unix:/')) return { kind: 'unix', path: text.slice('unix:'.length) };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' && url.pathname === '/' && url.search === '')
    return { kind: 'tcp', origin: url.origin };
  throw new Error(`--agent ${text}: expected unix:/path or http://host:port`);
}

/** Connection to one agent: HTTP requests over kept-alive connections, and WebSockets. */
export interface AgentConnection {
  name: string;
  /** Sends an HTTP request to the agent. @throws ProblemError `agent_unreachable` */
  request(options: Omit<Dispatcher.RequestOptions, 'origin'>): Promise<Dispatcher.ResponseData>;
  /** Opens a WebSocket to `path` on the agent and returns without waiting for the connection. */
  connect(path: string, headers: Record<string, string>): WebSocket;
  close(): Promise<void>;
}

const agentResponseTimeoutMs = 30_000;

/** Maximum size of a message of the agent's stream in bytes; a sample of 100,000 pods has 12 MB. */
const maxStreamMessageSize = 32 << 20;

export function openAgentConnection(address: AgentAddress, token: string | undefined): AgentConnection {
  const unix = address.kind === 'unix';
  const name = unix ? `unix:${address.path}` : address.origin;
  const bearer: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const pool = new Pool(unix ? 'http://localhost' : address.origin, {
    headersTimeout: agentResponseTimeoutMs,
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
        maxPayload: maxStreamMessageSize,
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
      ? 'The gateway’s user has no access to the agent’s socket: start the agent with --socket-gid.'
      : cause instanceof errors.HeadersTimeoutError
        ? `The agent did not respond within ${agentResponseTimeoutMs / 1000} s: see its log.`
        : 'The pods keep their network. Start the agent again; the dashboard reconnects.';
  return new ProblemError('agent_unreachable', `${what}: ${said}`, { cause, hint });
}
