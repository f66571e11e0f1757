import type { ReactNode } from 'react';

/** A column of a `DataTable`. Live values are read by the cell itself, so that a row need not render. */
export interface Column<Row, Key extends string = string> {
  key: Key;
  label: string;
  /** What the label leaves open. */
  title?: string;
  /** Of the `<col>`, e.g. `w-20`; without, it takes what is left. */
  width?: string;
  /** Hides the column where there is no room, e.g. `max-md:hidden`; the last that is left keeps the gutter: `max-md:pr-(--gutter)`. */
  from?: string;
  /** `slot`: a number with a place for its SI prefix. */
  align?: 'left' | 'right' | 'slot';
  /** What it is sorted by; without, it is not. Nulls and NaN come last, either way. */
  sort?: (row: Row) => string | number | null;
  /** Names the row, and is read out with every cell of it. One column has it. */
  head?: boolean;
  cell: (row: Row) => ReactNode;
}

export interface Sorting<Key extends string = string> {
  sort: Key;
  descending: boolean;
}

/** Rows in the order of a column; equal ones stay as they came. */
export function sortRows<Row, Key extends string>(
  rows: readonly Row[],
  columns: readonly Column<Row, Key>[],
  { sort, descending }: Sorting<Key>,
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
