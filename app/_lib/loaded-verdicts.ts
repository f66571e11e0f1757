import type { Verdict, VerdictFilter, VerdictList, VerdictLosses } from '../../contract/verdict.ts';

/**
 * Maximum number of verdicts in the list after live ones are added. Older ones are loaded again from the agent's log,
 * page by page, as long as it holds them.
 */
export const maxLoadedVerdicts = 5000;

export interface LoadedVerdicts {
  /** Verdicts, newest first; null before the first page is loaded. */
  items: readonly Verdict[] | null;
  /** Cursor of the next older page; null if there is none. */
  next: string | null;
  /** Number of verdicts in the agent's log, regardless of the filter. */
  size: number;
  capacity: number;
  losses: VerdictLosses | null;
}

export const noLoadedVerdicts: LoadedVerdicts = {
  items: null,
  next: null,
  size: 0,
  capacity: 0,
  losses: null,
};

/** Merges two lists of verdicts, newest first, without duplicates. */
export function mergeVerdicts(a: readonly Verdict[], b: readonly Verdict[]): Verdict[] {
  const items: Verdict[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [left, right] = [a[i], b[j]];
    const take = right === undefined || (left !== undefined && left.id >= right.id) ? left : right;
    if (take === undefined) break;
    if (left?.id === take.id) i += 1;
    if (right?.id === take.id) j += 1;
    items.push(take);
  }
  return items;
}

/**
 * Adds a page of the agent's log to the loaded verdicts.
 * @param older true if the page continues the list at its old end
 */
export function addVerdictPage(log: LoadedVerdicts, page: VerdictList, older: boolean): LoadedVerdicts {
  const { next, size, capacity, losses } = page;
  const known = log.items ?? [];
  const [newestKnown = 0, oldestKnown = Number.POSITIVE_INFINITY] = [known[0]?.id, known.at(-1)?.id];
  const oldestRead = page.items.at(-1)?.id ?? 0;
  // More verdicts arrived meanwhile than a page holds: those shown so far would follow a gap.
  const gap = !older && next !== null && oldestRead > newestKnown;
  return {
    items: gap ? page.items : mergeVerdicts(known, page.items),
    next: older || gap || oldestRead <= oldestKnown ? next : log.next,
    size,
    capacity,
    losses,
  };
}

/** Adds verdicts from the live connection, oldest first, and drops the oldest beyond the maximum. */
export function addLiveVerdicts(
  log: LoadedVerdicts,
  arrived: readonly Verdict[],
  losses: VerdictLosses,
): LoadedVerdicts {
  const all = mergeVerdicts([...arrived].reverse(), log.items ?? []);
  const items = all.slice(0, maxLoadedVerdicts);
  const oldest = items.at(-1);
  const next = oldest !== undefined && items.length < all.length ? String(oldest.id) : log.next;
  const size = Math.min(log.capacity, log.size + arrived.length);
  return { ...log, items, next, size, losses };
}

/** Converts a verdict filter to a URL query without empty fields. */
export function buildVerdictApiQuery(filter: VerdictFilter): URLSearchParams {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(filter))
    if (value !== undefined && value !== '') query.set(key, String(value));
  return query;
}
