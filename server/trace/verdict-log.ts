import { requireValue } from '../../contract/require-value.ts';
import type { Verdict, VerdictFilter, VerdictListQuery } from '../../contract/verdict.ts';
import { setSafeTimeout } from '../async/safe-timers.ts';
import { createVerdictMatcher } from './verdict-filter.ts';

/** Interval of verdict updates in ms, and maximum number of verdicts in one update. */
const updateMs = 200;
const maxPerUpdate = 200;

export interface VerdictUpdate {
  items: Verdict[];
  /** Number of verdicts that exceeded the limit of one update. */
  missed: number;
}

/** Log of the most recent verdicts; when it is full, the oldest ones are evicted. */
export class VerdictLog {
  readonly capacity: number;
  /** Ring buffer of verdicts: the verdict `id` is at index `id` modulo the capacity. */
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

  /** Returns a page of matching verdicts, newest first. `next` is the cursor of the next, older page. */
  page({ before, limit, ...filter }: VerdictListQuery): { items: Verdict[]; next: string | null } {
    const matches = createVerdictMatcher(filter);
    const items: Verdict[] = [];
    for (let id = Math.min(Number(before ?? this.#next), this.#next) - 1; id >= this.evicted; id -= 1) {
      const verdict = requireValue(this.#ring[id % this.capacity], `verdict ${id}`);
      if (!matches(verdict)) continue;
      if (items.length === limit)
        return { items, next: String(requireValue(items.at(-1), 'last verdict').id) };
      items.push(verdict);
    }
    return { items, next: null };
  }

  /** Yields the verdicts that match now, oldest first, except those that are evicted in the meantime. */
  *matching(filter: VerdictFilter): Generator<Verdict> {
    const matches = createVerdictMatcher(filter);
    const end = this.#next;
    for (let id = this.evicted; id < end; id += 1) {
      id = Math.max(id, this.evicted);
      if (id >= end) return;
      const verdict = requireValue(this.#ring[id % this.capacity], `verdict ${id}`);
      if (matches(verdict)) yield verdict;
    }
  }

  /** Calls `listener` with batches of new matching verdicts until the returned function is called. */
  watch(filter: VerdictFilter, listener: (update: VerdictUpdate) => void): () => void {
    const matches = createVerdictMatcher(filter);
    let update: VerdictUpdate = { items: [], missed: 0 };
    let timer: NodeJS.Timeout | null = null;
    const publish = (): void => {
      const batch = update;
      update = { items: [], missed: 0 };
      timer = null;
      listener(batch);
    };
    const take = (verdict: Verdict): void => {
      if (!matches(verdict)) return;
      if (update.items.length < maxPerUpdate) update.items.push(verdict);
      else update.missed += 1;
      timer ??= setSafeTimeout(publish, updateMs);
    };
    this.#listeners.add(take);
    return () => {
      this.#listeners.delete(take);
      if (timer) clearTimeout(timer);
    };
  }
}
