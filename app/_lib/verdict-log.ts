import type { Verdict, VerdictFilter, VerdictList, VerdictLosses } from '../../contract/verdict.ts';

/** Verdicts that are kept in the page; those before them are in the agent's log, and in the export. */
export const maxShownVerdicts = 5000;

export interface VerdictLog {
  /** Newest first; null before the first page. */
  items: readonly Verdict[] | null;
  /** Passed as `before`, the next older page; null at the end. */
  next: string | null;
  /** In the agent's log, whatever the filter, and how many it can hold. */
  kept: number;
  capacity: number;
  losses: VerdictLosses | null;
}

export const emptyVerdictLog: VerdictLog = { items: null, next: null, kept: 0, capacity: 0, losses: null };

/** Two lists, each newest first, as one, each verdict once. */
export function mergeVerdicts(a: readonly Verdict[], b: readonly Verdict[]): Verdict[] {
  const items: Verdict[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [left, right] = [a[i], b[j]];
    const take = right === undefined || (left !== undefined && left.id >= right.id) ? left! : right;
    if (left?.id === take.id) i += 1;
    if (right?.id === take.id) j += 1;
    items.push(take);
  }
  return items;
}

/** The log with a page of the agent's. @param older whether the page was asked for as the next older one */
export function addPage(log: VerdictLog, page: VerdictList, older: boolean): VerdictLog {
  const { next, kept, capacity, losses } = page;
  const known = log.items ?? [];
  const [newestKnown = 0, oldestKnown = Number.POSITIVE_INFINITY] = [known[0]?.id, known.at(-1)?.id];
  const oldestRead = page.items.at(-1)?.id ?? 0;
  // More came meanwhile than a page holds: what is shown already would stand behind a gap.
  const gap = !older && next !== null && oldestRead > newestKnown;
  return {
    items: gap ? page.items : mergeVerdicts(known, page.items),
    next: older || gap || oldestRead <= oldestKnown ? next : log.next,
    kept,
    capacity,
    losses,
  };
}

/** The log with verdicts as the stream brings them, in order of time; the oldest make room. */
export function addLiveVerdicts(
  log: VerdictLog,
  arrived: readonly Verdict[],
  losses: VerdictLosses,
): VerdictLog {
  const all = mergeVerdicts([...arrived].reverse(), log.items ?? []);
  const items = all.slice(0, maxShownVerdicts);
  const next = items.length < all.length ? String(items.at(-1)!.id) : log.next;
  const kept = Math.min(log.capacity, log.kept + arrived.length);
  return { ...log, items, next, kept, losses };
}

/** A filter as a query, without what is not asked for. */
export function verdictFilterQuery(filter: VerdictFilter): URLSearchParams {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(filter))
    if (value !== undefined && value !== '') query.set(key, String(value));
  return query;
}
