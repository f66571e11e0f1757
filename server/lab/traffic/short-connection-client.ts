import { connect } from 'node:net';
import {
  type LabTrafficClient,
  type LabTrafficClientOptions,
  labResponseTimeoutMs,
} from './traffic-client.ts';
import { createLabMessageSplitter, encodeLabTrafficMessage } from './traffic-message.ts';

/** Maximum number of TCP connections that a client has open at the same time. */
const maxConnections = 8;

/** Creates a client that opens one connection per request: connect, request, reply, close. */
export function createLabShortConnectionClient({
  address,
  port,
  request,
  reply,
  counts,
  clock,
}: LabTrafficClientOptions): LabTrafficClient {
  const pending = new Map<number, { since: number; end(ok: boolean): void }>();
  let id = 0;
  let joined = false;
  let closed = false;

  return {
    send() {
      if (closed || pending.size >= (joined ? maxConnections : 1)) return false;
      id = (id + 1) >>> 0;
      const requestId = id;
      const split = createLabMessageSplitter();
      const socket = connect({ host: address, port, noDelay: true });
      const end = (ok: boolean) => {
        if (!pending.delete(requestId)) return;
        if (ok) {
          joined = true;
          counts.ok++;
          socket.end();
        } else {
          if (joined && !closed) counts.failed++;
          socket.destroy();
        }
      };
      pending.set(requestId, { since: clock.now, end });
      socket.on('connect', () => socket.write(encodeLabTrafficMessage(requestId, request, reply)));
      socket.on('data', (chunk) => {
        for (const message of split(chunk))
          end(message !== null && message.id === requestId && message.bytes === reply);
      });
      socket.on('error', () => end(false));
      socket.on('close', () => end(false));
      return true;
    },
    check() {
      for (const { since, end } of pending.values()) {
        if (clock.now - since <= labResponseTimeoutMs.tcp) break;
        end(false);
      }
    },
    get joined() {
      return joined;
    },
    get pending() {
      return pending.size;
    },
    close() {
      closed = true;
      for (const { end } of pending.values()) end(false);
    },
  };
}
