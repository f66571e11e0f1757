import { connect, type Socket } from 'node:net';
import {
  type LabTrafficClient,
  type LabTrafficClientOptions,
  labReconnectDelayMs,
  labResponseTimeoutMs,
} from './traffic-client.ts';
import { createLabMessageSplitter, encodeLabTrafficMessage } from './traffic-message.ts';

/** Number of TCP connections that a flow's client keeps open; each has at most one pending request. */
const connections = 3;

/**
 * Creates a client that sends requests on kept-alive connections. A broken connection counts as a failure and is
 * reopened.
 */
export function createLabTcpClient(options: LabTrafficClientOptions): LabTrafficClient {
  const pool = Array.from({ length: connections }, () => keptConnection(options));
  let next = 0;
  return {
    send() {
      for (let tried = 0; tried < pool.length; tried++) if (pool[next++ % pool.length]?.send()) return true;
      return false;
    },
    check() {
      for (const connection of pool) connection.check();
    },
    get joined() {
      return pool.every((connection) => connection.joined);
    },
    get pending() {
      return pool.reduce((sum, connection) => sum + connection.pending, 0);
    },
    close() {
      for (const connection of pool) connection.close();
    },
  };
}

function keptConnection({
  address,
  port,
  request,
  reply,
  counts,
  clock,
}: LabTrafficClientOptions): LabTrafficClient {
  let socket: Socket | null = null;
  let state: 'connecting' | 'open' | 'broken' | 'closed' = 'broken';
  let since = clock.now - labReconnectDelayMs;
  let id = 0;
  let pendingId: number | null = null;
  let joined = false;

  function open() {
    const split = createLabMessageSplitter();
    const opening = connect({ host: address, port, noDelay: true });
    socket = opening;
    state = 'connecting';
    since = clock.now;
    opening.on('connect', () => {
      if (joined) counts.reconnects++;
      state = 'open';
    });
    opening.on('data', (chunk) => {
      for (const message of split(chunk)) {
        if (message === null || message.id !== pendingId || message.bytes !== reply) return fail(opening);
        pendingId = null;
        joined = true;
        counts.ok++;
      }
    });
    opening.on('error', () => fail(opening));
    opening.on('close', () => fail(opening));
  }

  function fail(which: Socket) {
    if (socket !== which) return;
    if (joined) counts.failed++;
    socket = null;
    state = 'broken';
    since = clock.now;
    pendingId = null;
    which.destroy();
  }

  return {
    send() {
      if (state !== 'open' || pendingId !== null) return false;
      id = (id + 1) >>> 0;
      pendingId = id;
      since = clock.now;
      socket?.write(encodeLabTrafficMessage(id, request, reply));
      return true;
    },
    check() {
      const waited = clock.now - since;
      if (state === 'broken' && waited >= labReconnectDelayMs) open();
      else if (socket && (state === 'connecting' || pendingId !== null) && waited > labResponseTimeoutMs.tcp)
        fail(socket);
    },
    get joined() {
      return joined;
    },
    get pending() {
      return pendingId === null ? 0 : 1;
    },
    close() {
      const open = socket;
      socket = null;
      state = 'closed';
      pendingId = null;
      open?.end();
      open?.destroySoon();
    },
  };
}
