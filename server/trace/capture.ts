import { Readable } from 'node:stream';
import type { CaptureQuery } from '../../contract/trace.ts';
import type { PacketRing } from './packet-ring.ts';
import {
  type CaptureDescription,
  encodeFileHeader,
  encodePacketBlock,
  encodeStatisticsBlock,
  packetBlockBytes,
} from './pcapng.ts';

/** How long after the end a packet of before it may wait in a block that is not full. */
const settleMs = 150;
/** What the tail of a file takes. */
const tailBytes = 120;

type Limits = Pick<CaptureQuery, 'packets' | 'seconds' | 'bytes'>;
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

/**
 * One capture as a file of pcapng. It reads the ring only while somebody reads it: what the ring cannot hold meanwhile
 * the kernel drops and counts, and the file's last block says how many.
 */
export class PacketCapture extends Readable {
  readonly #ring: PacketRing;
  readonly #limits: Limits;
  readonly #beganNs = nowNs();
  readonly #endsNs: bigint;
  readonly #timer: NodeJS.Timeout;
  #stopWaiting: (() => void) | null = null;
  #written = 0;
  #bytes: number;
  #ended = false;

  /** The ring is closed with it. */
  constructor(ring: PacketRing, limits: Limits, description: CaptureDescription) {
    super({ highWaterMark: 1 << 18 });
    this.#ring = ring;
    this.#limits = limits;
    const milliseconds = Math.ceil(limits.seconds * 1000);
    this.#endsNs = this.#beganNs + BigInt(milliseconds) * 1_000_000n;
    this.#timer = setTimeout(() => this.finish(), milliseconds + settleMs);
    const head = encodeFileHeader(description);
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

  /** Writes what there is, and the end of the file. */
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
    if (!room) this.#rest();
    else this.#stopWaiting ??= this.#ring.whenReady(() => this.#wake());
  }

  #wake(): void {
    // The device is down or gone, as after a migration: no packet comes any more.
    if (!this.#ring.blockReady && this.#ring.error() !== 0) this.finish();
    else this.#take();
  }

  /** Until it is read again: a socket that has something to read would wake us for ever. */
  #rest(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = null;
  }

  /** @returns whether there is room for more */
  #takeBlock(): boolean {
    const packets: Buffer[] = [];
    let full = false;
    for (const packet of this.#ring.readBlock()) {
      const bytes = packetBlockBytes(packet.bytes.length);
      full =
        this.#written >= this.#limits.packets ||
        this.#bytes + bytes > this.#limits.bytes ||
        packet.timeNs > this.#endsNs;
      if (full) break;
      packets.push(encodePacketBlock(packet));
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
      encodeStatisticsBlock({
        beganNs: this.#beganNs,
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
    this.#rest();
    this.#ring.close();
  }
}
