import { WebSocket } from 'ws';
import type { ServerMessage } from '../../contract/stream.ts';

/** Unsent bytes above which samples are skipped: the client reads more slowly than they are sent. */
const skipAboveBytes = 1 << 20;
/** Unsent bytes above which the client is disconnected, so that it cannot grow the agent's memory. */
const closeAboveBytes = 4 << 20;
/** Milliseconds that a client has to answer the close frame before its socket is destroyed. */
const closeTimeoutMs = 2_000;

/** Close codes of RFC 6455, and IANA's 1013, after which the client may reconnect. */
export const webSocketCloseCodes = { goingAway: 1001, tryAgainLater: 1013 } as const;

/** Sends to one WebSocket and bounds what is buffered for it. */
export class StreamClient {
  readonly #socket: WebSocket;
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  #skipped = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** Sends a message that must not be skipped: an object, or the text of one that several clients receive. */
  send(message: ServerMessage | string): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > closeAboveBytes)
      this.close(webSocketCloseCodes.tryAgainLater, 'too slow');
    else this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Sends a sample, binary or text, or skips it. The number of skipped samples is sent before the next sample. */
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
    const timer = setTimeout(() => this.#socket.terminate(), closeTimeoutMs);
    this.#socket.once('close', () => clearTimeout(timer));
  }
}
