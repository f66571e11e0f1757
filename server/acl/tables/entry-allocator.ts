import { entryBytes, lowerBits, verdictNumber } from '../../bpf/rule-layout.ts';
import type { RowEntry } from './policy-tables.ts';

const words = entryBytes / 4;
/** Of an entry that no other one is around. */
const alone = lowerBits;

interface Extent {
  index: number;
  count: number;
}

/** Bits of an entry's place that count: protocol << 16 | port. */
const maskOf = ({ protocol, length }: Pick<RowEntry, 'protocol' | 'length'>): number =>
  protocol === 0 ? 0 : (0xff_ffff << (16 - length)) >>> 0;

/**
 * The memory of the map `rows`, where each row has a piece of its own: written before anything leads to it, read by
 * programs with no lock. A row is named by the index of its first entry, never 0.
 */
export class RowArena {
  readonly size: number;
  readonly #u32: Uint32Array;
  readonly #u16: Uint16Array;
  readonly #hits: BigUint64Array;
  /** What no row has, by index. */
  #free: Extent[];

  constructor(memory: ArrayBuffer) {
    this.#u32 = new Uint32Array(memory);
    this.#u16 = new Uint16Array(memory);
    this.#hits = new BigUint64Array(memory);
    this.size = memory.byteLength / entryBytes;
    this.#free = [{ index: 1, count: this.size - 1 }];
  }

  /** Entries that there is room for, if not in one piece. */
  get room(): number {
    return this.#free.reduce((sum, { count }) => sum + count, 0);
  }

  /** How many entries the row at `index` has, as an earlier agent has written it. */
  countAt(index: number): number {
    return this.#u32[index * words + 2]! & lowerBits;
  }

  hitsAt(index: number): bigint {
    return this.#hits[index * (words / 2) + 2]!;
  }

  /** A row that is there already is not given away. */
  keep(index: number): void {
    const end = index + this.countAt(index);
    this.#free = this.#free.flatMap((extent) => {
      const before = { index: extent.index, count: Math.min(extent.count, index - extent.index) };
      const from = Math.max(extent.index, end);
      const after = { index: from, count: extent.index + extent.count - from };
      return [before, after].filter(({ count }) => count > 0);
    });
  }

  /** Writes a row; answers its index, or null: there is no room. @param entries in the order of `tellEntries` */
  add(entries: readonly RowEntry[]): number | null {
    const place = this.#free.findIndex(({ count }) => count >= entries.length);
    const extent = this.#free[place];
    if (!extent) return null;
    const { index } = extent;
    extent.index += entries.length;
    extent.count -= entries.length;
    if (extent.count === 0) this.#free.splice(place, 1);
    this.#write(index, entries);
    return index;
  }

  #write(index: number, entries: readonly RowEntry[]): void {
    /** Entries that the next one may lie in, from the outermost. */
    const around: number[] = [];
    let last = -1;
    entries.forEach((entry, i) => {
      const { protocol, port, length, verdict, rule, log } = entry;
      const mask = maskOf(entry);
      const place = protocol * 65_536 + port;
      const order = place * 32 + length;
      if (order <= last) throw new Error('a row whose entries are not in order');
      last = order;
      while (around.length > 0 && !covers(entries[around.at(-1)!]!, place)) around.pop();
      const lower = i === 0 ? entries.length : (around.at(-1) ?? alone);
      const at = (index + i) * words;
      this.#u32[at] = place;
      this.#u32[at + 1] = mask;
      this.#u32[at + 2] = verdictNumber[verdict] * 2 ** 24 + lower;
      this.#u16[(at + 3) * 2] = rule;
      this.#u16[(at + 3) * 2 + 1] = log;
      this.#hits[at / 2 + 2] = 0n;
      around.push(i);
    });
  }

  /** No program reads the row any more. */
  remove(index: number, count: number): void {
    let place = this.#free.findIndex((extent) => extent.index > index);
    if (place < 0) place = this.#free.length;
    const extent = { index, count };
    const [before, after] = [this.#free[place - 1], this.#free[place]];
    if (after && index + count === after.index) {
      extent.count += after.count;
      this.#free.splice(place, 1);
    }
    if (before && before.index + before.count === index) before.count += extent.count;
    else this.#free.splice(place, 0, extent);
  }
}

const covers = (entry: RowEntry, place: number): boolean =>
  (((entry.protocol * 65_536 + entry.port) ^ place) & maskOf(entry)) === 0;
