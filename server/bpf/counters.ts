import { libbpf_num_possible_cpus } from '../ffi/libbpf.ts';
import { counterFields, sweptWidth } from './counter-layout.ts';
import { counterBytes, dropBytes } from './slot-layout.ts';
import { MemoryMapping } from './mmap.ts';

const dropFields = dropBytes / 8;
if (sweptWidth !== counterBytes / 8 || counterFields.length !== sweptWidth + dropFields)
  throw new Error('counterFields does not match bpf/slot-layout.h');

/**
 * The counters of all slots, as the programs write them: the maps' own memory, read with no system call.
 *
 * A u64 of a BigUint64Array is one load, so nothing tears, and V8 compiles the sum of two such elements stored
 * into a third to one addition: exact to 2^64, and several times faster than adding halves of a copy.
 */
export class CounterMap {
  readonly slots: number;
  readonly cpus: number;
  readonly #maps: readonly MemoryMapping[];
  readonly #counters: BigUint64Array;
  readonly #drops: BigUint64Array;
  #open = true;

  /** Descriptors of the maps `counters` and `drops`, which may be closed then. @throws ProblemError `kernel_refused` */
  constructor(maps: { counters: number; drops: number }, slots: number) {
    this.slots = slots;
    this.cpus = libbpf_num_possible_cpus();
    const entries = this.cpus * slots;
    const counters = new MemoryMapping('the counters', maps.counters, entries * counterBytes);
    const drops = new MemoryMapping('the drops', maps.drops, entries * dropBytes);
    this.#maps = [counters, drops];
    this.#counters = new BigUint64Array(counters.buffer);
    this.#drops = new BigUint64Array(drops.buffer);
  }

  #check(slot: number): void {
    if (!this.#open) throw new Error('the counters are closed');
    if (!(slot >= 0 && slot < this.slots)) throw new RangeError(`slot ${slot} of ${this.slots}`);
  }

  /** Sums over the CPUs in the order of `counterFields`. */
  read(slot: number): bigint[] {
    this.#check(slot);
    const sums = Array<bigint>(counterFields.length).fill(0n);
    for (let entry = slot; entry < this.cpus * this.slots; entry += this.slots)
      for (let i = 0; i < sums.length; i += 1)
        sums[i]! +=
          i < sweptWidth
            ? this.#counters[entry * sweptWidth + i]!
            : this.#drops[entry * dropFields + i - sweptWidth]!;
    return sums;
  }

  /**
   * Reads slots 0 to `end`: row `slot` of `out`, `sweptWidth` long, is the sum over the CPUs of the first
   * `counterFields`. Drops by reason are left to `read`, of those slots whose drops are not zero. Unused slots
   * cost little: all of memory in one order is faster than picking.
   */
  sweep(out: BigUint64Array, end = this.slots): void {
    this.#check(end - 1);
    const length = end * sweptWidth;
    if (out.length < length) throw new RangeError('sweep: out is too short');
    const ofCpu = (cpu: number): BigUint64Array => {
      const first = cpu * this.slots * sweptWidth;
      return this.#counters.subarray(first, first + length);
    };
    if (this.cpus === 1) out.set(ofCpu(0));
    else sumInto(out, ofCpu(0), ofCpu(1), length);
    for (let cpu = 2; cpu < this.cpus; cpu += 1) sumInto(out, out, ofCpu(cpu), length);
  }

  /** Zeroes a slot, before a new device gets it: while packets pass, one may still count into it. */
  clear(slot: number): void {
    this.#check(slot);
    for (let entry = slot; entry < this.cpus * this.slots; entry += this.slots) {
      this.#counters.fill(0n, entry * sweptWidth, (entry + 1) * sweptWidth);
      this.#drops.fill(0n, entry * dropFields, (entry + 1) * dropFields);
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
