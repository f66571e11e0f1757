import { Readable } from 'node:stream';
import type { CaptureQuery } from '../../contract/trace.ts';
import { setSafeTimeout } from '../async/safe-timers.ts';
import type { PacketSocket } from './packet-socket.ts';
import {
  type CaptureDescription,
  type CapturedInterface,
  encodePcapngInterface,
  encodePcapngPacket,
  encodePcapngSection,
  encodePcapngStatistics,
  getPcapngPacketBlockSize,
} from './pcapng.ts';

/**
 * Time in ms that a packet may wait in a partly filled ring block; after the end of a capture the ring is read this
 * long.
 */
const settleMs = 150;
/** Size in bytes of the statistics block of an interface. */
const statisticsBytes = 120;

type Limits = Pick<CaptureQuery, 'packets' | 'seconds' | 'bytes'>;
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

/** Interface whose packets are captured. */
interface Source {
  /** Place among the interfaces of the file. */
  id: number;
  ring: PacketSocket;
  startNs: bigint;
  written: number;
  stopWaiting: (() => void) | null;
}

/**
 * A packet capture as a stream in pcapng format. It reads its rings only while the stream is read. Packets that a
 * ring cannot hold meanwhile are dropped and counted by the kernel; the last block of an interface has their number.
 */
export class PacketCapture extends Readable {
  readonly #limits: Limits;
  readonly #description: CaptureDescription;
  readonly #deadlineNs: bigint;
  readonly #timer: NodeJS.Timeout;
  readonly #sources = new Set<Source>();
  #interfaces = 0;
  #written = 0;
  #bytes: number;
  #ended = false;

  /** Creates a stream of the capture as pcapng, which has no interfaces yet. */
  constructor(limits: Limits, description: CaptureDescription) {
    super({ highWaterMark: 1 << 18 });
    this.#limits = limits;
    this.#description = description;
    const milliseconds = Math.ceil(limits.seconds * 1000);
    this.#deadlineNs = nowNs() + BigInt(milliseconds) * 1_000_000n;
    this.#timer = setSafeTimeout(() => this.finish(), milliseconds + settleMs);
    const head = encodePcapngSection(description);
    this.#bytes = head.length;
    this.push(head);
  }

  /**
   * Captures the packets of one more interface. The capture ends with the last of its interfaces.
   * @param ring packet ring of the interface, which the stream closes
   */
  addInterface(ring: PacketSocket, captured: CapturedInterface): void {
    if (this.#ended) {
      ring.close();
      return;
    }
    const source = { id: this.#interfaces++, ring, startNs: nowNs(), written: 0, stopWaiting: null };
    this.#sources.add(source);
    const head = encodePcapngInterface(captured, this.#description);
    this.#bytes += head.length + statisticsBytes;
    if (this.push(head)) this.#take(source);
  }

  override _read(): void {
    for (const source of [...this.#sources]) this.#take(source);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const source of [...this.#sources]) this.#release(source);
    done(error);
  }

  /** Writes the remaining packets and the statistics blocks, and ends the capture. */
  finish(): void {
    for (const source of this.#sources)
      while (!this.#ended && source.ring.blockReady) this.#takeBlock(source);
    this.#end();
  }

  #take(source: Source): void {
    if (this.#ended) return;
    let room = true;
    while (room && !this.#ended && source.ring.blockReady) room = this.#takeBlock(source);
    if (this.#ended) return;
    if (!room) for (const each of this.#sources) pauseReading(each);
    else source.stopWaiting ??= source.ring.whenReady(() => this.#onReady(source));
  }

  #onReady(source: Source): void {
    // The device is down or was removed, as after a migration: no packets follow.
    if (!source.ring.blockReady && source.ring.error() !== 0) this.#endInterface(source);
    else this.#take(source);
  }

  #endInterface(source: Source): void {
    if (this.#sources.size === 1) this.#end();
    else this.#writeStatistics(source);
  }

  /** Writes the packets of one ring block to the capture stream. @returns true if the stream accepts more data */
  #takeBlock(source: Source): boolean {
    const packets: Buffer[] = [];
    let full = false;
    for (const packet of source.ring.readBlock()) {
      const bytes = getPcapngPacketBlockSize(packet.bytes.length);
      full =
        this.#written >= this.#limits.packets ||
        this.#bytes + bytes > this.#limits.bytes ||
        packet.timeNs > this.#deadlineNs;
      if (full) break;
      packets.push(encodePcapngPacket(packet, source.id));
      this.#written += 1;
      source.written += 1;
      this.#bytes += bytes;
    }
    const room = packets.length === 0 || this.push(Buffer.concat(packets));
    if (full || this.#written >= this.#limits.packets) this.#end();
    return room;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const source of [...this.#sources]) this.#writeStatistics(source);
    this.push(null);
  }

  /** Writes an interface's last block and closes its ring. */
  #writeStatistics(source: Source): void {
    const { received, dropped } = source.ring.statistics();
    this.push(
      encodePcapngStatistics({
        interfaceId: source.id,
        beganNs: source.startNs,
        endedNs: nowNs(),
        received,
        dropped,
        written: source.written,
      }),
    );
    this.#release(source);
  }

  #release(source: Source): void {
    pauseReading(source);
    source.ring.close();
    this.#sources.delete(source);
  }
}

/**
 * Stops polling the socket until the stream is read again, because a readable socket would wake the event loop
 * constantly.
 */
function pauseReading(source: Source): void {
  source.stopWaiting?.();
  source.stopWaiting = null;
}
