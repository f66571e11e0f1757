import type { PageRequest, ResultPage } from './records.ts';

/** Upper bound of row numbers: Prisma maps SQLite columns of type `Int` to signed 32-bit integers. */
const endOfTable = 2 ** 31 - 1;

/**
 * Returns the Prisma filter for row numbers below the page's cursor `before`, or for all rows if the page has no
 * cursor.
 */
export const toOlderRowsFilter = ({ before }: PageRequest): { lt: number } => ({
  lt: before === undefined ? endOfTable : Number(before),
});

/** Returns the Prisma filter for the page's pod, or an empty filter if the page covers all pods. */
export const toPodFilter = ({ pod }: PageRequest): { podId?: string } =>
  pod === undefined ? {} : { podId: pod };

/**
 * Cuts `rows` to one page of `limit` rows. The caller reads one extra row, which only shows that there is a next
 * page.
 */
export function toResultPage<T>(rows: T[], limit: number, key: (row: T) => number): ResultPage<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? String(key(last)) : null };
}
