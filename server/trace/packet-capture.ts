import { Readable } from 'node:stream';
import type { CaptureQuery } from '../../contract/trace.ts';
import type { PacketSocket } from './packet-socket.ts';
import {
  type CaptureDescription,
  encodePcapngHeader,
  encodePcapngPacket,
  encodePcapngStatistics,
  getPcapngPacketBlockSize,
} from './pcapng.ts';

/**
 * Time in ms that a packet may wait in a partly filled ring block; after the end of a capture the ring is read this
 * long.
 */
const settleMs = 150;
/** Size in bytes of the statistics block at the end of a pcapng file. */
const tailBytes = 120;

type Limits = Pick<CaptureQuery, 'packets' | 'seconds' | 'bytes'>;
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

/**
 * A packet capture as a stream in pcapng format. It reads the ring only while the stream is read. Packets that the
 * ring cannot hold meanwhile are dropped and counted by the kernel; the last block of the file has their number.
 */
export class PacketCapture extends Readable {
  readonly #ring: PacketSocket;
  readonly #limits: Limits;
  readonly #startNs = nowNs();
  readonly #deadlineNs: bigint;
  readonly #timer: NodeJS.Timeout;
  #stopWaiting: (() => void) | null = null;
  #written = 0;
  #bytes: number;
  #ended = false;

  /** Creates a stream of the capture as pcapng. @param ring packet ring, which the stream closes */
  constructor(ring: PacketSocket, limits: Limits, description: CaptureDescription) {
    super({ highWaterMark: 1 << 18 });
    this.#ring = ring;
    this.#limits = limits;
    const milliseconds = Math.ceil(limits.seconds * 1000);
    this.#deadlineNs = this.#startNs + BigInt(milliseconds) * 1_000_000n;
    this.#timer = setTimeout(() => this.finish(), milliseconds + settleMs);
    const head = encodePcapngHeader(description);
    this.#bytes = head.length + tailBytes;
    this.push(head);
  }

  override _read(): void {
    this.#take();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#release();
    done(error);
  }

  /** Writes the remaining packets and the statistics block, and ends the capture. */
  finish(): void {
    if (this.#ended) return;
    while (!this.#ended && this.#ring.blockReady) this.#takeBlock();
    if (!this.#ended) this.#end();
  }

  #take(): void {
    if (this.#ended) return;
    let room = true;
    while (room && !this.#ended && this.#ring.blockReady) room = this.#takeBlock();
    if (this.#ended) return;
    if (!room) this.#pauseReading();
    else this.#stopWaiting ??= this.#ring.whenReady(() => this.#onReady());
  }

  #onReady(): void {
    // The device is down or was removed, as after a migration: no packets follow.
    if (!this.#ring.blockReady && this.#ring.error() !== 0) this.finish();
    else this.#take();
  }

  /**
   * Stops polling the socket until the stream is read again, because a readable socket would wake the event loop
   * constantly.
   */
  #pauseReading(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = null;
  }

  /** Writes the packets of one ring block to the capture stream. @returns true if the stream accepts more data */
  #takeBlock(): boolean {
    const packets: Buffer[] = [];
    let full = false;
    for (const packet of this.#ring.readBlock()) {
      const bytes = getPcapngPacketBlockSize(packet.bytes.length);
      full =
        this.#written >= this.#limits.packets ||
        this.#bytes + bytes > this.#limits.bytes ||
        packet.timeNs > this.#deadlineNs;
      if (full) break;
      packets.push(encodePcapngPacket(packet));
      this.#written += 1;
      this.#bytes += bytes;
    }
    const room = packets.length === 0 || this.push(Buffer.concat(packets));
    if (full || this.#written >= this.#limits.packets) this.#end();
    return room;
  }

  #end(): void {
    this.#ended = true;
    const { received, dropped } = this.#ring.statistics();
    this.push(
      encodePcapngStatistics({
        beganNs: this.#startNs,
        endedNs: nowNs(),
        received,
        dropped,
        written: this.#written,
      }),
    );
    this.push(null);
    this.#release();
  }

  #release(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#pauseReading();
    this.#ring.close();
  }
}
