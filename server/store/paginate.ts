import type { PageOf } from './records.ts';

/** Cuts `rows`, asked for one beyond `limit`, to a page; the extra row only tells that there is more. */
export function pageOf<T>(rows: T[], limit: number, key: (row: T) => number): PageOf<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? String(key(last)) : null };
}
