import { connect } from 'node:net';
import type { ProbeOutcome } from './probe-record.ts';

/**
 * Opens a TCP connection and closes it at once. A refusal is an answer too: the packets went both ways, and whether
 * something listens is not the device's matter.
 */
export function probeTcp(address: string, port: number, timeoutMs: number): Promise<ProbeOutcome> {
  const at = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (outcome: ProbeOutcome): void => {
      clearTimeout(timer);
      socket.removeAllListeners().on('error', () => {});
      // Leaves no TIME_WAIT behind; before it is connected it would wait for that.
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => end({ why: `no answer within ${timeoutMs} ms` }), timeoutMs);
    socket.on('connect', () => end({ ms: performance.now() - at }));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(
        error.code === 'ECONNREFUSED'
          ? { ms: performance.now() - at }
          : { why: `it cannot connect: ${error.code ?? error.message}` },
      ),
    );
  });
}
