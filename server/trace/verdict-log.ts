import type { Verdict, VerdictFilter, VerdictListQuery } from '../../contract/verdict.ts';
import { verdictMatcher } from './verdict-filter.ts';

/** How long new verdicts are gathered for one message, in ms, and how many one tells. */
const gatherMs = 200;
const toldAtOnce = 200;

export interface VerdictUpdate {
  items: Verdict[];
  /** More that came at once than are told. */
  missed: number;
}

/** The last verdicts, as many as the capacity; older ones are pushed out. */
export class VerdictLog {
  readonly capacity: number;
  /** Place of id `n`: n modulo the capacity. */
  readonly #ring: Verdict[] = [];
  readonly #listeners = new Set<(verdict: Verdict) => void>();
  #next = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#ring.length;
  }

  get evicted(): number {
    return this.#next - this.#ring.length;
  }

  add(news: Omit<Verdict, 'id'>): void {
    const verdict = { id: this.#next, ...news };
    this.#ring[this.#next % this.capacity] = verdict;
    this.#next += 1;
    for (const listener of this.#listeners) listener(verdict);
  }

  /** The newest first. `next` continues with what is older still. */
  page({ before, limit, ...filter }: VerdictListQuery): { items: Verdict[]; next: string | null } {
    const matches = verdictMatcher(filter);
    const items: Verdict[] = [];
    for (let id = Math.min(Number(before ?? this.#next), this.#next) - 1; id >= this.evicted; id -= 1) {
      const verdict = this.#ring[id % this.capacity]!;
      if (!matches(verdict)) continue;
      if (items.length === limit) return { items, next: String(items.at(-1)!.id) };
      items.push(verdict);
    }
    return { items, next: null };
  }

  /** All that it holds when asked, the oldest first; what is pushed out before its turn is left out. */
  *matching(filter: VerdictFilter): Generator<Verdict> {
    const matches = verdictMatcher(filter);
    const end = this.#next;
    for (let id = this.evicted; id < end; id += 1) {
      id = Math.max(id, this.evicted);
      if (id >= end) return;
      const verdict = this.#ring[id % this.capacity]!;
      if (matches(verdict)) yield verdict;
    }
  }

  /** New ones, gathered; the answer ends it. */
  watch(filter: VerdictFilter, listener: (gathered: VerdictUpdate) => void): () => void {
    const matches = verdictMatcher(filter);
    let gathered: VerdictUpdate = { items: [], missed: 0 };
    let timer: NodeJS.Timeout | null = null;
    const tell = (): void => {
      const told = gathered;
      gathered = { items: [], missed: 0 };
      timer = null;
      listener(told);
    };
    const take = (verdict: Verdict): void => {
      if (!matches(verdict)) return;
      if (gathered.items.length < toldAtOnce) gathered.items.push(verdict);
      else gathered.missed += 1;
      timer ??= setTimeout(tell, gatherMs);
    };
    this.#listeners.add(take);
    return () => {
      this.#listeners.delete(take);
      if (timer) clearTimeout(timer);
    };
  }
}
