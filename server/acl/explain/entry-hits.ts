import type { RuleEntry } from '../../../contract/rules.ts';
import { entryProtocolIndex } from '../compile/policy-entry-factory.ts';
import type { RuleEntryHits } from '../load/kernel-rules.ts';
import type { PolicyTableEntry } from '../tables/policy-tables.ts';
import type { IndexedRuleEntry } from './entry-index.ts';

/** Time in ms for which hit counts are cached, because reading a large rule set is slow. */
const cacheMs = 1000;

/** Packet counts of policy table entries and of rules, read from the kernel. */
export class RuleEntryHitCounts {
  readonly #read: () => RuleEntryHits[];
  #readAt = 0;
  #hits: RuleEntryHits[] | null = null;

  constructor(read: () => RuleEntryHits[]) {
    this.#read = read;
  }

  /** Discards the cached hit counts after the tables were replaced. */
  invalidate(): void {
    this.#hits = null;
  }

  /** Returns the entries with their packet counts. */
  entries(indexed: readonly IndexedRuleEntry[]): RuleEntry[] {
    const counts = new Map(
      indexed.map((entry) => [keyOf(entry.entryList, entry.key, entry.port, entry.length), 0]),
    );
    for (const { entryList, protocol, port, length, hits } of this.#fresh()) {
      const key = keyOf(entryList, protocol, port, length);
      if (counts.has(key)) counts.set(key, Number(hits));
    }
    return indexed.map(({ key, port, ...entry }) => ({
      ...entry,
      packets: counts.get(keyOf(entry.entryList, key, port, entry.length)) ?? 0,
    }));
  }

  /** Returns packet counts by number of the deciding or logging rule; rule 0 is the default action. */
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

  #fresh(): RuleEntryHits[] {
    if (this.#hits && performance.now() - this.#readAt <= cacheMs) return this.#hits;
    const hits = this.#read();
    this.#hits = hits;
    this.#readAt = performance.now();
    return hits;
  }
}

/** Packs the key of a policy table entry into a number below 2^53, for entry list numbers below 2^30. */
const keyOf = (list: number, protocol: PolicyTableEntry['protocol'], port: number, length: number): number =>
  ((list * 5 + entryProtocolIndex[protocol]) * 17 + length) * 65_536 + port;
