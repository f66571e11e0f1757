import type { RuleEntry } from '../../../contract/rules.ts';
import type { KnownEntry } from './entry-index.ts';
import type { EntryHits } from '../load/kernel-rules.ts';
import type { RowEntry } from '../tables/policy-tables.ts';

/** Entries of large sets take a while to read: what was read just now is read once. */
const freshMs = 1000;

/** How often entries decided, as the kernel counts. Null where it cannot be read. */
export class Tally {
  readonly #read: () => EntryHits[];
  #at = 0;
  #hits: EntryHits[] | null = null;

  constructor(read: () => EntryHits[]) {
    this.#read = read;
  }

  /** What was read is of other tables from now on. */
  forget(): void {
    this.#hits = null;
  }

  /** Entries with their hits. */
  entries(known: readonly KnownEntry[]): RuleEntry[] {
    const wanted = new Map(known.map((entry) => [keyOf(entry.row, entry.key, entry.port, entry.length), 0]));
    const hits = this.#fresh();
    for (const { row, protocol, port, length, hits: count } of hits) {
      const key = keyOf(row, protocol, port, length);
      if (wanted.has(key)) wanted.set(key, Number(count));
    }
    return known.map(({ key, port, ...entry }) => ({
      ...entry,
      packets: wanted.get(keyOf(entry.row, key, port, entry.length)) ?? 0,
    }));
  }

  /** Packets by number of the rule that decided or recorded; of rule 0, the default. */
  byRule(): Map<number, number> {
    const counts = new Map<number, number>();
    const add = (rule: number, count: number) => counts.set(rule, (counts.get(rule) ?? 0) + count);
    for (const { rule, log, hits } of this.#fresh()) {
      if (hits === 0n) continue;
      add(rule, Number(hits));
      if (log !== 0) add(log, Number(hits));
    }
    return counts;
  }

  #fresh(): EntryHits[] {
    const now = performance.now();
    if (!this.#hits || now - this.#at > freshMs) {
      this.#hits = this.#read();
      this.#at = performance.now();
    }
    return this.#hits;
  }
}

const protocolIndex = { 0: 0, 1: 1, 6: 2, 17: 3, 132: 4 } as const;

/** A number of less than 53 bits, as long as rows have less than 30. */
const keyOf = (row: number, protocol: RowEntry['protocol'], port: number, length: number): number =>
  ((row * 5 + protocolIndex[protocol]) * 17 + length) * 65_536 + port;
