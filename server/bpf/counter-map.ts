import { libbpf_num_possible_cpus } from '../ffi/libbpf.ts';
import { createZeroSlotCounters, sweptCounterCount } from './counter-layout.ts';
import { dropCountersSize, slotCountersSize } from './datapath-structs.ts';
import { MemoryMapping } from './memory-mapping.ts';

const dropWidth = dropCountersSize / 8;

/**
 * Reads the counters of all slots out of the maps' own memory, without a system call.
 *
 * Reading an element of a BigUint64Array is one load, so no value tears. V8 compiles the sum of two elements, stored
 * into a third, to one 64-bit addition: exact, and several times faster than adding the 32-bit words of a copy.
 */
export class CounterMap {
  readonly slots: number;
  readonly cpus: number;
  readonly #maps: readonly MemoryMapping[];
  readonly #counters: BigUint64Array;
  readonly #drops: BigUint64Array;
  #open = true;

  /**
   * Maps the memory of the BPF maps `counters` and `drops`, whose descriptors may be closed afterwards.
   * @throws ProblemError `kernel_refused`
   */
  constructor(maps: { counters: number; drops: number }, slots: number) {
    this.slots = slots;
    this.cpus = libbpf_num_possible_cpus();
    const entries = this.cpus * slots;
    const counters = new MemoryMapping('the counters', maps.counters, entries * slotCountersSize);
    const drops = new MemoryMapping('the drops', maps.drops, entries * dropCountersSize);
    this.#maps = [counters, drops];
    this.#counters = new BigUint64Array(counters.buffer);
    this.#drops = new BigUint64Array(drops.buffer);
  }

  #check(slot: number): void {
    if (!this.#open) throw new Error('the counters are closed');
    if (!(slot >= 0 && slot < this.slots)) throw new RangeError(`slot ${slot} of ${this.slots}`);
  }

  /** Returns the counters of a slot, summed over all CPUs and indexed by `counterIndexByName`. */
  read(slot: number): bigint[] {
    this.#check(slot);
    const sums = createZeroSlotCounters();
    for (let entry = slot; entry < this.cpus * this.slots; entry += this.slots)
      for (let i = 0; i < sums.length; i += 1)
        sums[i]! +=
          i < sweptCounterCount
            ? this.#counters[entry * sweptCounterCount + i]!
            : this.#drops[entry * dropWidth + i - sweptCounterCount]!;
    return sums;
  }

  /**
   * Reads slots 0 to `end` (exclusive): row `slot` of `out`, `sweptCounterCount` long, receives the sums over the CPUs of
   * struct podlane_counters. Callers `read` the drops by reason of the slots that dropped packets. Unused slots are
   * read too: one pass over all memory is faster than picking slots.
   */
  sweep(out: BigUint64Array, end = this.slots): void {
    this.#check(end - 1);
    const length = end * sweptCounterCount;
    if (out.length < length) throw new RangeError('sweep: out is too short');
    const ofCpu = (cpu: number): BigUint64Array => {
      const first = cpu * this.slots * sweptCounterCount;
      return this.#counters.subarray(first, first + length);
    };
    if (this.cpus === 1) out.set(ofCpu(0));
    else sumInto(out, ofCpu(0), ofCpu(1), length);
    for (let cpu = 2; cpu < this.cpus; cpu += 1) sumInto(out, out, ofCpu(cpu), length);
  }

  /**
   * Resets the counters of a slot before another device uses it. A packet in flight may still be counted afterwards.
   */
  clear(slot: number): void {
    this.#check(slot);
    for (let entry = slot; entry < this.cpus * this.slots; entry += this.slots) {
      this.#counters.fill(0n, entry * sweptCounterCount, (entry + 1) * sweptCounterCount);
      this.#drops.fill(0n, entry * dropWidth, (entry + 1) * dropWidth);
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const map of this.#maps) map.close();
  }
}

function sumInto(out: BigUint64Array, a: BigUint64Array, b: BigUint64Array, length: number): void {
  for (let i = 0; i < length; i += 1) out[i] = a[i]! + b[i]!;
}
