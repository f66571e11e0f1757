import { connect } from 'node:net';
import { setSafeTimeout } from '../../async/safe-timers.ts';
import type { EchoOutcome } from '../echo/icmp-socket.ts';

/**
 * Opens a TCP connection and closes it at once. A refused connection counts as an answer: packets went both ways,
 * and a port without a listener is no fault of the device.
 */
export function probeTcp(
  address: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<EchoOutcome> {
  const at = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (outcome: EchoOutcome): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.removeAllListeners().on('error', () => undefined);
      // A reset leaves no TIME_WAIT behind; on a socket that is still connecting it would wait for the handshake.
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
      resolve(outcome);
    };
    const abort = (): void => end({ why: 'the probes are closed' });
    const timer = setSafeTimeout(() => end({ why: `no answer within ${timeoutMs} ms` }), timeoutMs);
    signal.addEventListener('abort', abort);
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
