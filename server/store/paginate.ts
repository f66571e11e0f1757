import type { PageRequest, ResultPage } from './records.ts';

/** Above every row number: SQLite's columns of type `Int` are signed 32-bit integers in Prisma. */
const endOfTable = 2 ** 31 - 1;

/** Returns Prisma's filter for the numbers of the rows that follow the page before this one. */
export const olderThanFilter = ({ before }: PageRequest): { lt: number } => ({
  lt: before === undefined ? endOfTable : Number(before),
});

/** Returns Prisma's filter for the rows of the page's pod: none where the page is of all pods. */
export const podFilter = ({ pod }: PageRequest): { podId?: string } =>
  pod === undefined ? {} : { podId: pod };

/** Cuts `rows`, read with one beyond `limit`, to a page. The extra row only shows that there is a next page. */
export function cutPage<T>(rows: T[], limit: number, key: (row: T) => number): ResultPage<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? String(key(last)) : null };
}
