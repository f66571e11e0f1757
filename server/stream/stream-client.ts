import { WebSocket } from 'ws';
import type { ServerMessage } from '../../contract/stream.ts';

/** Above this, samples are skipped: the client is slower than they come. */
const skipAboveBytes = 1 << 20;
/** Above this, a client that does not even take messages is let go: it shall not grow our memory. */
const closeAboveBytes = 4 << 20;
/** How long a closed client may take to say so before its socket is dropped. */
const closeWithinMs = 2_000;

/** RFC 6455, and IANA's 1013: it may come back. */
export const closeCodes = { goingAway: 1001, tryAgainLater: 1013 } as const;

/** The sending side of one WebSocket: never holds more than the limits above. */
export class StreamClient {
  readonly #socket: WebSocket;
  #skipped = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Sends what must not be missed. `message` as text was made once for all clients. */
  send(message: ServerMessage | string): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > closeAboveBytes) this.close(closeCodes.tryAgainLater, 'too slow');
    else this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Sends a sample, binary or as text, or skips it; how many were skipped is told before the next one. */
  sendSample(sample: Uint8Array | string): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > skipAboveBytes) {
      this.#skipped += 1;
      return;
    }
    if (this.#skipped > 0) {
      this.send({ type: 'skipped', count: this.#skipped });
      this.#skipped = 0;
    }
    this.#socket.send(sample);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    setTimeout(() => this.#socket.terminate(), closeWithinMs).unref();
  }
}
