import { parentOffsetMask, ruleEntrySize, ruleEntryVerdictCodes } from '../../bpf/rule-layout.ts';
import type { PolicyTableEntry } from './policy-tables.ts';

const words = ruleEntrySize / 4;
/** Parent offset of a policy table entry that no other entry encloses. */
const noParent = parentOffsetMask;

/** The memory of the map as numbers of each size. */
interface Views {
  u32: Uint32Array;
  u16: Uint16Array;
  hits: BigUint64Array;
}

interface Extent {
  index: number;
  count: number;
}

/** Returns the mask of the bits of `protocol << 16 | port` that a policy table entry compares. */
const maskOf = ({ protocol, length }: Pick<PolicyTableEntry, 'protocol' | 'length'>): number =>
  protocol === 0 ? 0 : (0xff_ffff << (16 - length)) >>> 0;

const encloses = (entry: PolicyTableEntry, protocolPort: number): boolean =>
  (((entry.protocol * 65_536 + entry.port) ^ protocolPort) & maskOf(entry)) === 0;

/**
 * Allocates the memory of the map `rule_entries`, an extent for each entry list. A list is written before any map leads
 * to it, and programs read it without a lock. It is identified by the index of its first entry, which is never 0.
 */
export class RuleEntryAllocator {
  readonly capacity: number;
  readonly #open: () => ArrayBuffer;
  #views: Views | null = null;
  /** Free extents of the map `rule_entries`, in order of their index. */
  #free: Extent[];

  /** @param memory returns the memory of the map; called when the first list is written or read */
  constructor(memory: () => ArrayBuffer, capacity: number) {
    this.#open = memory;
    this.capacity = capacity;
    this.#free = [{ index: 1, count: this.capacity - 1 }];
  }

  get #memory(): Views {
    if (this.#views === null) {
      const memory = this.#open();
      this.#views = {
        u32: new Uint32Array(memory),
        u16: new Uint16Array(memory),
        hits: new BigUint64Array(memory),
      };
    }
    return this.#views;
  }

  /** Number of free entries in the map `rule_entries`, possibly in several extents. */
  get freeEntries(): number {
    return this.#free.reduce((sum, { count }) => sum + count, 0);
  }

  /** Returns the number of entries of the list at `index`, as an earlier agent wrote it. */
  entryCountAt(index: number): number {
    return (this.#memory.u32[index * words + 2] ?? 0) & parentOffsetMask;
  }

  hitsAt(index: number): bigint {
    return this.#memory.hits[index * (words / 2) + 2] ?? 0n;
  }

  /** Reserves the extent of an entry list that an earlier agent wrote. */
  reserve(index: number): void {
    const end = index + this.entryCountAt(index);
    this.#free = this.#free.flatMap((extent) => {
      const before = { index: extent.index, count: Math.min(extent.count, index - extent.index) };
      const from = Math.max(extent.index, end);
      const after = { index: from, count: extent.index + extent.count - from };
      return [before, after].filter(({ count }) => count > 0);
    });
  }

  /**
   * Writes an entry list.
   * @param entries sorted as by `emitPortPrefixes`
   * @returns the index of the list; null if no extent is large enough
   */
  allocate(entries: readonly PolicyTableEntry[]): number | null {
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

  #write(index: number, entries: readonly PolicyTableEntry[]): void {
    /** Entries that may enclose the next one, outermost first, with their offsets in the list. */
    const enclosing: { entry: PolicyTableEntry; offset: number }[] = [];
    const { u32, u16, hits } = this.#memory;
    let last = -1;
    entries.forEach((entry, offset) => {
      const { protocol, port, length, verdict, rule, log } = entry;
      const protocolPort = protocol * 65_536 + port;
      const order = protocolPort * 32 + length;
      if (order <= last) throw new Error('the entries of a list are not sorted');
      last = order;
      let parent = enclosing.at(-1);
      while (parent && !encloses(parent.entry, protocolPort)) {
        enclosing.pop();
        parent = enclosing.at(-1);
      }
      const parentOffset = offset === 0 ? entries.length : (parent?.offset ?? noParent);
      const at = (index + offset) * words;
      u32[at] = protocolPort;
      u32[at + 1] = maskOf(entry);
      u32[at + 2] = ruleEntryVerdictCodes[verdict] * 2 ** 24 + parentOffset;
      u16[(at + 3) * 2] = rule;
      u16[(at + 3) * 2 + 1] = log;
      hits[at / 2 + 2] = 0n;
      enclosing.push({ entry, offset });
    });
  }

  /** Frees the extent of an entry list that no BPF program reads any more. */
  free(index: number, count: number): void {
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
