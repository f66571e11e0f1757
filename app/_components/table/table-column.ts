import type { ReactNode } from 'react';

/**
 * A column of a `DataTable`. A cell that shows a live value subscribes to the value itself, so that its row need not
 * render again.
 */
export interface TableColumn<Row, Key extends string = string> {
  key: Key;
  label: string;
  /** Heading shared by adjacent columns, e.g. `packets/s`. The columns of a group must be next to each other. */
  group?: string;
  /** Tooltip of the column's heading. */
  title?: string;
  /** Content that replaces the label in the column's heading, e.g. a checkbox that selects all rows. */
  headContent?: ReactNode;
  /** CSS class for the column's width, e.g. `w-20`; a column without one takes the remaining width. */
  width?: string;
  /**
   * CSS classes that hide the column on narrow screens, e.g. `max-md:hidden`. The last visible column keeps the page
   * margin with `max-md:pr-(--gutter)`.
   */
  from?: string;
  /** Alignment of the column's cells; `slot` aligns numbers right and leaves room for an SI prefix. */
  align?: 'left' | 'right' | 'slot';
  /**
   * Returns the value by which a row is sorted; null and NaN sort last in both directions. A column without this
   * function cannot be sorted.
   */
  sort?: (row: Row) => string | number | null;
  /** True for the one column whose cell names the row: screen readers read that cell out with every other cell. */
  head?: boolean;
  cell: (row: Row) => ReactNode;
}

/** Column and direction by which a table is sorted. */
export interface TableSorting<Key extends string = string> {
  sort: Key;
  descending: boolean;
}

/** Returns the rows sorted by a column; rows with equal values keep their order. */
export function sortTableRows<Row, Key extends string>(
  rows: readonly Row[],
  columns: readonly TableColumn<Row, Key>[],
  { sort, descending }: TableSorting<Key>,
): Row[] {
  const by = columns.find(({ key }) => key === sort)?.sort;
  if (by === undefined) return [...rows];
  const sign = descending ? -1 : 1;
  const known = (value: string | number | null) => value !== null && !Number.isNaN(value);
  return rows
    .map((row) => ({ row, value: by(row) }))
    .sort(({ value: a }, { value: b }) => {
      if (!known(a) || !known(b)) return Number(known(b)) - Number(known(a));
      if (typeof a === 'string' && typeof b === 'string') return sign * a.localeCompare(b);
      return sign * (Number(a) - Number(b));
    })
    .map(({ row }) => row);
}
