import { WebSocket } from 'ws';
import type { ServerMessage } from '../../contract/stream-messages.ts';
import { setSafeTimeout } from '../async/safe-timers.ts';

/** Number of unsent bytes above which samples are skipped, because the client reads too slowly. */
const skipAboveBytes = 1 << 20;
/** Number of unsent bytes above which a client is disconnected, to limit the agent's memory use. */
const closeAboveBytes = 4 << 20;
/** Time in ms within which a client must answer the close frame before its socket is destroyed. */
const closeTimeoutMs = 2_000;

/** WebSocket close codes of a stream: 1001 of RFC 6455, and 1013 of the IANA registry; the client may reconnect. */
export const streamCloseCodes = { goingAway: 1001, tryAgainLater: 1013 } as const;

/** Sends messages to one WebSocket client and limits the amount of unsent data. */
export class StreamClient {
  readonly #socket: WebSocket;
  /** Promise that resolves when the WebSocket is closed. */
  readonly closed: Promise<void>;
  #skipped = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** Sends a message that must not be skipped, as an object or as text serialized for several clients. */
  send(message: ServerMessage | string): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > closeAboveBytes) this.close(streamCloseCodes.tryAgainLater, 'too slow');
    else this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /**
   * Sends a binary or text sample, or skips it if too much data is unsent. The next sample follows a message with the
   * number of skipped ones.
   */
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
    const timer = setSafeTimeout(() => this.#socket.terminate(), closeTimeoutMs);
    this.#socket.once('close', () => clearTimeout(timer));
  }
}
