import { createSocket, type Socket } from 'node:dgram';
import {
  type LabTrafficClient,
  type LabTrafficClientOptions,
  labReconnectDelayMs,
  labResponseTimeoutMs,
} from './traffic-client.ts';
import { decodeLabTrafficMessage, encodeLabTrafficMessage } from './traffic-message.ts';

/**
 * Number of datagrams in a burst, and the maximum memory that the kernel accounts for a small datagram (its
 * truesize).
 */
const burstDatagrams = 300;
const datagramMemory = 1536;

/** Requested buffer size of the lab's sockets in bytes; the kernel limits it to net.core.rmem_max. */
export const labSocketBufferSize = 1 << 20;

/**
 * Sends numbered datagrams, each of which must be answered once. `burst` sends many back to back; two bursts fit into a
 * socket buffer, so that a network without loss shows none.
 */
export function createLabUdpClient(
  { address, port, request, reply, counts, clock }: LabTrafficClientOptions,
  { burst = false }: { burst?: boolean } = {},
): LabTrafficClient {
  const pendingSince = new Map<number, number>();
  let id = 0;
  let joined = false;
  let room = 0;
  let lastProbe = clock.now - labReconnectDelayMs;
  let connected = false;
  const socket: Socket = createSocket('udp4');

  socket.on('error', () => {}); // an ICMP error for an earlier datagram, which counts as failed when it is late
  socket.on('message', (bytes) => {
    const message = decodeLabTrafficMessage(bytes);
    if (message === null || message.bytes !== reply) return;
    if (!joined) {
      joined = true;
      pendingSince.clear(); // probes, sent before the server listened
    } else if (pendingSince.delete(message.id)) counts.ok++;
  });
  socket.bind(0, () => {
    socket.setRecvBufferSize(labSocketBufferSize);
    socket.setSendBufferSize(labSocketBufferSize);
    room = Math.floor(socket.getRecvBufferSize() / (2 * datagramMemory));
    socket.connect(port, address, (error?: Error) => {
      connected = !error;
    });
  });

  function ask() {
    id = (id + 1) >>> 0;
    const requestId = id;
    pendingSince.set(requestId, clock.now);
    socket.send(encodeLabTrafficMessage(requestId, request, reply), (error) => {
      if (error && pendingSince.delete(requestId) && joined) counts.failed++;
    });
  }

  return {
    send() {
      if (!connected) return false;
      if (!joined) {
        if (clock.now - lastProbe < labReconnectDelayMs) return false;
        lastProbe = clock.now;
        ask();
        return true;
      }
      for (let sent = burst ? Math.min(room, burstDatagrams) : 1; sent > 0; sent--) ask();
      return true;
    },
    check() {
      for (const [late, since] of pendingSince) {
        if (clock.now - since <= labResponseTimeoutMs.udp) break;
        pendingSince.delete(late);
        if (joined) counts.failed++;
      }
    },
    get joined() {
      return joined;
    },
    get pending() {
      return pendingSince.size;
    },
    close() {
      connected = false;
      pendingSince.clear();
      socket.close();
    },
  };
}
