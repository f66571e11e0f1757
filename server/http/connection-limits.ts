import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { ProblemError } from '../../contract/problem.ts';

/** Maximum number of connections of the agent, where its descriptors allow more. */
const mostConnections = 4096;
/** Descriptors that connections leave to pods, captures, files and the store: this share, and at least so many. */
const reserveShare = 1 / 4;
const leastReserve = 64;

export interface ConnectionLimits {
  /** Maximum number of connections of all servers together. */
  connections: number;
  /** A connection with this descriptor or a higher one is refused: the kernel always gives the lowest free number. */
  descriptor: number;
}

/** Computes the limits from the process's own (RLIMIT_NOFILE, getrlimit(2)). @param nofile maximum of descriptors */
export function computeConnectionLimits(nofile: number): ConnectionLimits {
  const reserve = Math.max(leastReserve, Math.ceil(nofile * reserveShare));
  return {
    connections: Math.max(1, Math.min(mostConnections, Math.floor(nofile / 2))),
    descriptor: Math.max(1, nofile - reserve),
  };
}

/** Reads the soft limit of open descriptors; Infinity if there is none. */
export function readDescriptorLimit(limits = readFileSync('/proc/self/limits', 'utf8')): number {
  const value = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  return value === undefined || value === 'unlimited' ? Number.POSITIVE_INFINITY : Number(value);
}

const overloaded = JSON.stringify(
  new ProblemError('overloaded', 'the agent has as many connections as its descriptors allow', {
    hint: 'Close connections and try again. `LimitNOFILE=` of the service, or `ulimit -n`, is the limit of descriptors.',
  }).toProblem(),
);
const answer =
  'HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nconnection: close\r\nretry-after: 1\r\n' +
  `content-length: ${Buffer.byteLength(overloaded)}\r\n\r\n${overloaded}`;

/** Answers connections above the limits with 503 and closes them, so that descriptors remain for everything else. */
export class ConnectionLimiter {
  readonly #limits: ConnectionLimits;
  readonly #open = new Set<Socket>();

  constructor(limits = computeConnectionLimits(readDescriptorLimit())) {
    this.#limits = limits;
  }

  /** Limits the connections of an HTTP server; must be called before it listens. */
  limit(server: Server): void {
    server.prependListener('connection', (socket: Socket) => {
      const { connections, descriptor } = this.#limits;
      const fd = (socket as Socket & { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
      if (this.#open.size >= connections || fd >= descriptor) return refuse(socket);
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    });
  }
}

/**
 * Writes the answer and closes the descriptor in the same turn: libuv accepts all that wait in one go. The answer fits
 * into the socket's buffer, where the caller finds it.
 */
function refuse(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.write(answer);
  socket.destroy();
}
