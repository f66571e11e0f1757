import type { BpfMapEntryBatch } from '../../bpf/map-batch.ts';

const doubleCapacity = (words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
  const larger = new Uint32Array(words.length * 2);
  larger.set(words);
  return larger;
};

/** Buffer for map keys and values made of u32 words, used for batch updates and deletions. */
export class BpfMapWordBuffer {
  count = 0;
  readonly #keyWords: number;
  readonly #valueWords: number;
  #keys = new Uint32Array(1024);
  #values = new Uint32Array(1024);

  constructor(keyBytes: number, valueBytes = 0) {
    this.#keyWords = keyBytes / 4;
    this.#valueWords = valueBytes / 4;
  }

  /** Adds a map element to the batch. @returns the positions at which to write the words of its key and value */
  next(): { keys: Uint32Array; key: number; values: Uint32Array; value: number } {
    const [key, value] = [this.count * this.#keyWords, this.count * this.#valueWords];
    this.count += 1;
    if (key + this.#keyWords > this.#keys.length) this.#keys = doubleCapacity(this.#keys);
    if (value + this.#valueWords > this.#values.length) this.#values = doubleCapacity(this.#values);
    return { keys: this.#keys, key, values: this.#values, value };
  }

  get entries(): BpfMapEntryBatch {
    return {
      count: this.count,
      keys: Buffer.from(this.#keys.buffer, 0, this.count * this.#keyWords * 4),
      values: Buffer.from(this.#values.buffer, 0, this.count * this.#valueWords * 4),
    };
  }
}
