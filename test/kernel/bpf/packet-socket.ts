import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { bind, errno, errnoName, recv, send, socket, strerror } from '../../../server/ffi/libc.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const MSG_DONTWAIT = 0x40;

const checked = (tried: string, answer: number): number => {
  if (answer < 0) throw new Error(`${tried}: ${strerror(errno())}`);
  return answer;
};

/** Sends whole frames from a device; the socket stays in the namespace it was opened in (packet(7)). */
export class PacketSocket implements Disposable {
  readonly #fd: number;

  /** `protocol` is what it tells the kernel that it sends; 0: what the frames say, and it receives nothing. */
  constructor(ifindex: number, protocol = 0) {
    this.#fd = checked('open a packet socket', socket(AF_PACKET, SOCK_RAW, 0));
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(protocol, 2);
    address.writeInt32LE(ifindex, 4);
    checked(`bind it to ifindex ${ifindex}`, bind(this.#fd, address, address.length));
  }

  /** A frame that a program drops in our own transmit answers ENOBUFS: it was sent as well. */
  send(frame: Buffer, times = 1): void {
    for (let i = 0; i < times; i += 1) {
      const answer = send(this.#fd, frame, frame.length, 0);
      if (answer < 0 && errnoName(errno()) !== 'ENOBUFS') checked('send a frame', answer);
    }
  }

  /** The next frame that arrived or was sent here, or null: none yet. */
  receive(): Buffer | null {
    const frame = Buffer.alloc(65_536);
    const length = recv(this.#fd, frame, frame.length, MSG_DONTWAIT);
    if (length < 0 && errnoName(errno()) === 'EAGAIN') return null;
    return frame.subarray(0, checked('receive a frame', length));
  }

  /** The first frame that `wanted` takes, within `limitMs`; null when there was none. */
  async find(wanted: (frame: Buffer) => boolean, limitMs = 1000): Promise<Buffer | null> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const frame = this.receive();
      if (frame && wanted(frame)) return frame;
      if (!frame && performance.now() > deadline) return null;
      if (!frame) await sleep(5);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
