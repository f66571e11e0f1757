import { readBpfMapInfo } from './map-info.ts';
import { MemoryMapping } from './memory-mapping.ts';

const pageBytes = 4096;
/** BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT and BPF_RINGBUF_HDR_SZ, <linux/bpf.h>. */
const busy = 1 << 31;
const discarded = 1 << 30;
const headerBytes = 8;
/** Default maximum number of records per read, which keeps the event loop responsive. */
const maxRecords = 2000;

/**
 * Reads a BPF_MAP_TYPE_RINGBUF through its mapped memory (Documentation/bpf/ringbuf.rst): a page with the consumer's
 * position, one with the producer's, then the data twice, so that no record wraps around the end. A ring buffer has one
 * reader at a time.
 */
export class BpfRingBuffer {
  /** Descriptor of the ring buffer map, which poll(2) reports as readable while there are records. */
  readonly fd: number;
  readonly #bytes: bigint;
  readonly #maps: readonly MemoryMapping[];
  readonly #consumed: BigInt64Array;
  readonly #produced: BigInt64Array;
  readonly #data: Buffer;
  readonly #headers: Int32Array;

  /**
   * Maps the ring buffer.
   * @param fd descriptor of the map, which must stay open until `close`
   * @throws ProblemError `kernel_refused`
   */
  constructor(what: string, fd: number) {
    this.fd = fd;
    const bytes = readBpfMapInfo(fd).maxEntries;
    this.#bytes = BigInt(bytes);
    const consumer = new MemoryMapping(`${what}: consumer page`, fd, pageBytes);
    const producer = new MemoryMapping(what, fd, pageBytes + 2 * bytes, {
      offset: pageBytes,
      readOnly: true,
    });
    this.#maps = [consumer, producer];
    this.#consumed = new BigInt64Array(consumer.buffer, 0, 1);
    this.#produced = new BigInt64Array(producer.buffer, 0, 1);
    this.#data = Buffer.from(producer.buffer, pageBytes);
    this.#headers = new Int32Array(producer.buffer, pageBytes);
  }

  /**
   * Reads up to `limit` of the records present at the call.
   * @param consume gets each record as a view of kernel memory, read-only and valid only during the call
   * @returns the number of records
   */
  read(consume: (record: Buffer) => void, limit = maxRecords): number {
    const end = Atomics.load(this.#produced, 0);
    let at = Atomics.load(this.#consumed, 0);
    let count = 0;
    while (at < end && count < limit) {
      const start = Number(at % this.#bytes);
      const header = Atomics.load(this.#headers, start / 4);
      if (header & busy) break;
      const length = header & ~discarded;
      try {
        if (!(header & discarded)) {
          count += 1;
          consume(this.#data.subarray(start + headerBytes, start + headerBytes + length));
        }
      } finally {
        at += BigInt((headerBytes + length + 7) & ~7);
        Atomics.store(this.#consumed, 0, at);
      }
    }
    return count;
  }

  close(): void {
    for (const map of this.#maps) map.close();
  }
}
