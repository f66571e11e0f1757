import { ProblemError } from '../../contract/problem.ts';
import { libbpf_num_possible_cpus } from '../ffi/libbpf.ts';
import { errno, errnoName, mapFailed, mmap, munmap, viewOf } from '../ffi/libc.ts';
import { counterFields, sweptFields } from './counter-fields.ts';
import { counterBytes } from './layout.ts';

const words = counterBytes / 8;
const protReadWrite = 3;
const mapShared = 1;

/**
 * The counters of all slots, as the programs write them: the map's own memory, read with no system call.
 *
 * A u64 of a BigUint64Array is one load, so nothing tears, and V8 compiles the sum of two such elements stored
 * into a third to one addition: exact to 2^64, and three times faster than adding halves of a copy.
 */
export class CounterMap {
  readonly slots: number;
  readonly cpus: number;
  readonly #words: BigUint64Array;
  #address: bigint;

  /** Maps the array behind `fd`, which may be closed then. @throws ProblemError `kernel_refused` */
  constructor(fd: number, slots: number) {
    this.slots = slots;
    this.cpus = libbpf_num_possible_cpus();
    const bytes = this.cpus * slots * counterBytes;
    this.#address = mmap(null, bytes, protReadWrite, mapShared, fd, 0);
    if (this.#address === mapFailed)
      throw new ProblemError('kernel_refused', `map the counters (${bytes} bytes): ${errnoName(errno())}`);
    this.#words = new BigUint64Array(viewOf(this.#address, bytes));
  }

  #check(slot: number): void {
    if (this.#address === 0n) throw new Error('the counters are closed');
    if (!(slot >= 0 && slot < this.slots)) throw new RangeError(`slot ${slot} of ${this.slots}`);
  }

  /** Sums over the CPUs in the order of `counterFields`. */
  read(slot: number): bigint[] {
    this.#check(slot);
    const sums = new BigUint64Array(words);
    for (let cpu = 0; cpu < this.cpus; cpu += 1) {
      const first = (cpu * this.slots + slot) * words;
      for (let i = 0; i < words; i += 1) sums[i] = sums[i]! + this.#words[first + i]!;
    }
    return [...sums];
  }

  /**
   * Reads many: row `i` of `out`, `sweptFields` long, is the sum over the CPUs of the first `counterFields` of
   * `slots[i]`. Drops by reason are left to `read`, of those slots whose drops are not zero.
   */
  sweep(slots: Uint32Array, out: BigUint64Array): void {
    if (out.length < slots.length * sweptFields) throw new RangeError('sweep: out is too short');
    for (let row = 0; row < slots.length; row += 1) this.#check(slots[row]!);
    copyLines(this.#words, slots, out);
    for (let cpu = 1; cpu < this.cpus; cpu += 1) addLines(this.#words, cpu * this.slots, slots, out);
  }

  /** Zeroes a slot, before a new device gets it: while packets pass, one may still count into it. */
  clear(slot: number): void {
    this.#check(slot);
    for (let cpu = 0; cpu < this.cpus; cpu += 1) {
      const first = (cpu * this.slots + slot) * words;
      this.#words.fill(0n, first, first + words);
    }
  }

  close(): void {
    if (this.#address === 0n) return;
    // The view is not read after this: `sweep` and `clear` are the only readers.
    munmap(this.#address, this.#words.byteLength);
    this.#address = 0n;
  }
}

function copyLines(from: BigUint64Array, slots: Uint32Array, out: BigUint64Array): void {
  const rows = slots.length;
  for (let row = 0; row < rows; row += 1) {
    const first = slots[row]! * words;
    const to = row * sweptFields;
    for (let i = 0; i < sweptFields; i += 1) out[to + i] = from[first + i]!;
  }
}

function addLines(from: BigUint64Array, base: number, slots: Uint32Array, out: BigUint64Array): void {
  const rows = slots.length;
  for (let row = 0; row < rows; row += 1) {
    const first = (base + slots[row]!) * words;
    const to = row * sweptFields;
    for (let i = 0; i < sweptFields; i += 1) out[to + i] = out[to + i]! + from[first + i]!;
  }
}

if (counterFields.length !== words) throw new Error('counterFields does not match podlane_counters');
