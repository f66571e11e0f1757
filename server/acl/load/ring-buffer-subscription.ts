import { BpfRingBuffer } from '../../bpf/ring-buffer.ts';
import { onDescriptorReadable } from '../../netlink/descriptor-readable.ts';

/** Passes the records of a ring buffer to subscribers. The buffer is read only while there are subscribers. */
export class RingBufferSubscription<T> {
  readonly #listeners = new Set<(records: readonly T[]) => void>();
  readonly #open: () => BpfRingBuffer;
  readonly #decode: (record: Buffer) => T;
  readonly #activate: (active: boolean) => void;
  #reading: { ring: BpfRingBuffer; stop: () => void } | null = null;

  /**
   * @param decode receives memory that belongs to the kernel again when it returns
   * @param activate is called with true for the first subscriber, with false after the last has left
   */
  constructor(
    fd: number,
    name: string,
    decode: (record: Buffer) => T,
    activate: (active: boolean) => void = () => undefined,
  ) {
    this.#open = () => new BpfRingBuffer(name, fd);
    this.#decode = decode;
    this.#activate = activate;
  }

  /** Subscribes to the records of the ring buffer. @returns a function that ends the subscription */
  subscribe(listener: (records: readonly T[]) => void): () => void {
    this.#listeners.add(listener);
    if (!this.#reading) {
      const ring = this.#open();
      this.#reading = { ring, stop: onDescriptorReadable(ring.fd, () => this.#read(ring)) };
      this.#activate(true);
    }
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.close();
    };
  }

  #read(ring: BpfRingBuffer): void {
    const records: T[] = [];
    ring.read((record) => records.push(this.#decode(record)));
    if (records.length > 0) for (const listener of this.#listeners) listener(records);
  }

  /** Ends all subscriptions to the ring buffer. */
  close(): void {
    this.#listeners.clear();
    if (!this.#reading) return;
    this.#activate(false);
    this.#reading.stop();
    this.#reading.ring.close();
    this.#reading = null;
  }
}
