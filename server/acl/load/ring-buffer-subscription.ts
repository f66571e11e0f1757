import { RingBuffer } from '../../bpf/ring-buffer.ts';
import { whenReadable } from '../../netlink/poll-readable.ts';

/** A ring buffer's records, as they come, for whoever listens; without a listener nobody reads them. */
export class Listened<T> {
  readonly #listeners = new Set<(records: readonly T[]) => void>();
  readonly #open: () => RingBuffer;
  readonly #decode: (record: Buffer) => T;
  readonly #turned: (on: boolean) => void;
  #reading: { ring: RingBuffer; stop: () => void } | null = null;

  /**
   * @param decode gets memory that is the kernel's again after it
   * @param turned is told of the first listener, and when the last has gone
   */
  constructor(fd: number, name: string, decode: (record: Buffer) => T, turned: (on: boolean) => void) {
    this.#open = () => new RingBuffer(name, fd);
    this.#decode = decode;
    this.#turned = turned;
  }

  listen(listener: (records: readonly T[]) => void): () => void {
    this.#listeners.add(listener);
    if (!this.#reading) {
      const ring = this.#open();
      this.#reading = { ring, stop: whenReadable(ring.fd, () => this.#read(ring)) };
      this.#turned(true);
    }
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.close();
    };
  }

  #read(ring: RingBuffer): void {
    const records: T[] = [];
    ring.read((record) => records.push(this.#decode(record)));
    if (records.length > 0) for (const listener of this.#listeners) listener(records);
  }

  close(): void {
    this.#listeners.clear();
    if (!this.#reading) return;
    this.#turned(false);
    this.#reading.stop();
    this.#reading.ring.close();
    this.#reading = null;
  }
}
