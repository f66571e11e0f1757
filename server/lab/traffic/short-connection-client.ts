import { connect } from 'node:net';
import { encodeMessage, messageSplitter } from './message.ts';
import { type ClientOptions, responseTimeoutMs, type TrafficClient } from './traffic-client.ts';

/** Maximum number of open connections. */
const maxConnections = 8;

/** Sends one request per connection: connect, request, reply, close. */
export function shortClient({ address, port, request, reply, counts, clock }: ClientOptions): TrafficClient {
  const underWay = new Map<number, { since: number; end(ok: boolean): void }>();
  let id = 0;
  let joined = false;
  let closed = false;

  return {
    send() {
      if (closed || underWay.size >= (joined ? maxConnections : 1)) return false;
      id = (id + 1) >>> 0;
      const asked = id;
      const split = messageSplitter();
      const socket = connect({ host: address, port, noDelay: true });
      const end = (ok: boolean) => {
        if (!underWay.delete(asked)) return;
        if (ok) {
          joined = true;
          counts.ok++;
          socket.end();
        } else {
          if (joined && !closed) counts.failed++;
          socket.destroy();
        }
      };
      underWay.set(asked, { since: clock.now, end });
      socket.on('connect', () => socket.write(encodeMessage(asked, request, reply)));
      socket.on('data', (chunk) => {
        for (const message of split(chunk))
          end(message !== null && message.id === asked && message.bytes === reply);
      });
      socket.on('error', () => end(false));
      socket.on('close', () => end(false));
      return true;
    },
    check() {
      for (const { since, end } of underWay.values()) {
        if (clock.now - since <= responseTimeoutMs.tcp) break;
        end(false);
      }
    },
    get joined() {
      return joined;
    },
    get pending() {
      return underWay.size;
    },
    close() {
      closed = true;
      for (const { end } of underWay.values()) end(false);
    },
  };
}
