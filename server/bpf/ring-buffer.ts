import { mapInfo } from './array-map.ts';
import { MemoryMapping } from './mmap.ts';

const pageBytes = 4096;
/** BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ, <linux/bpf.h>. */
const busy = 1 << 31;
const discarded = 1 << 30;
const headerBytes = 8;
/** Records that are read before the event loop goes on. */
const atOnce = 2000;

/**
 * Reads a BPF_MAP_TYPE_RINGBUF through its own memory (Documentation/bpf/ringbuf.rst): a page with the consumer's
 * position, one with the producer's, then the data twice, so that no record is cut at the end. There may be one
 * reader at a time.
 */
export class RingBuffer {
  /** Of the map: readable while there are records. */
  readonly fd: number;
  readonly #bytes: bigint;
  readonly #maps: readonly MemoryMapping[];
  readonly #consumed: BigInt64Array;
  readonly #produced: BigInt64Array;
  readonly #data: Buffer;
  readonly #headers: Int32Array;

  /** @param fd of the map; it stays the caller's, open at least until `close` @throws ProblemError `kernel_refused` */
  constructor(what: string, fd: number) {
    this.fd = fd;
    const bytes = mapInfo(fd).maxEntries;
    this.#bytes = BigInt(bytes);
    const consumer = new MemoryMapping(`${what}: the consumer’s page`, fd, pageBytes);
    const producer = new MemoryMapping(what, fd, pageBytes + 2 * bytes, { offset: pageBytes, readOnly: true });
    this.#maps = [consumer, producer];
    this.#consumed = new BigInt64Array(consumer.buffer, 0, 1);
    this.#produced = new BigInt64Array(producer.buffer, 0, 1);
    this.#data = Buffer.from(producer.buffer, pageBytes);
    this.#headers = new Int32Array(producer.buffer, pageBytes);
  }

  /**
   * Hands over the records that are there, `most` of them; what comes meanwhile waits.
   * @param take its record is the kernel's memory, to be read only and not kept: the kernel has it back after
   * @returns how many were taken
   */
  read(take: (record: Buffer) => void, most = atOnce): number {
    const end = Atomics.load(this.#produced, 0);
    let at = this.#consumed[0]!;
    let taken = 0;
    while (at < end && taken < most) {
      const start = Number(at % this.#bytes);
      const header = Atomics.load(this.#headers, start / 4);
      if (header & busy) break;
      const length = header & ~discarded;
      try {
        if (!(header & discarded)) {
          taken += 1;
          take(this.#data.subarray(start + headerBytes, start + headerBytes + length));
        }
      } finally {
        at += BigInt((headerBytes + length + 7) & ~7);
        Atomics.store(this.#consumed, 0, at);
      }
    }
    return taken;
  }

  close(): void {
    for (const map of this.#maps) map.close();
  }
}
