import type { ReactNode } from 'react';

/** A column of a `DataTable`. A cell with a live value subscribes to it itself, so that its row need not render. */
export interface TableColumn<Row, Key extends string = string> {
  key: Key;
  label: string;
  /** Head that adjacent columns share, e.g. `packets/s`; columns of a group stand side by side. */
  group?: string;
  /** Tooltip of the head: explains what the label leaves open. */
  title?: string;
  /** Replaces the label in the head, e.g. a checkbox that selects all rows. */
  headContent?: ReactNode;
  /** Width class of the column, e.g. `w-20`; without one, the column takes the remaining width. */
  width?: string;
  /** Classes of every cell that hide the column on narrow screens, e.g. `max-md:hidden`; the last visible column keeps the gutter with `max-md:pr-(--gutter)`. */
  from?: string;
  /** `slot` aligns numbers right and leaves room for an SI prefix. */
  align?: 'left' | 'right' | 'slot';
  /** Sort value of a row; null and NaN sort last in both directions. Columns without it cannot be sorted. */
  sort?: (row: Row) => string | number | null;
  /** Marks the cell that names the row: assistive technology reads it out with every other cell. One column has it. */
  head?: boolean;
  cell: (row: Row) => ReactNode;
}

/** Column and direction that a table is sorted by. */
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
