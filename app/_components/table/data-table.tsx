'use client';

import { ArrowDown, ArrowUp } from 'lucide-react';
import { type ReactNode, useMemo, useRef } from 'react';
import { Skeleton } from '../skeleton.tsx';
import { type Column, type Sorting, sortRows } from './column.ts';
import { RowSpacer } from './row-spacer.tsx';
import { useHeldOrder } from './use-held-order.ts';
import { useTableKeys } from './use-table-keys.ts';
import { useVisibleRows } from './use-visible-rows.ts';

interface DataTableProps<Row, Key extends string> {
  label: string;
  columns: readonly Column<Row, Key>[];
  /** Null while they are not known. */
  rows: readonly Row[] | null;
  rowKey: (row: Row) => string;
  /** Without it the rows keep the order they came in, and no head is a button. */
  sorting?: Sorting<Key> & { change: (sorting: Sorting<Key>) => void };
  /** What Escape does. */
  clear?: () => void;
  /** Of a row, e.g. `text-muted` for what has ended. */
  tone?: (row: Row) => string;
  /** Where the head sticks, below the top of the window. */
  top?: string;
}

const head = 'h-7 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted whitespace-nowrap';
const cell = 'overflow-hidden border-line-1 border-b px-2 whitespace-nowrap text-ellipsis';
const edges = 'first:pl-(--gutter) last:pr-(--gutter)';
const alignment = { left: '', right: 'text-right', slot: 'text-right' } as const;
const nothing = () => {};

/** The column that is the first where the others before it are hidden keeps the gutter there. */
function withEdge<Row, Key extends string>(
  columns: readonly Column<Row, Key>[],
): readonly Column<Row, Key>[] {
  const first = columns.findIndex(({ from = '' }) => !from.includes('max-md:hidden'));
  return columns.map((column, index) =>
    index === first ? { ...column, from: `${column.from ?? ''} max-md:pl-(--gutter)` } : column,
  );
}

/**
 * A dense table of any length: only the rows in sight are in the document. A row is opened through the link
 * in it that has `data-row-link`.
 */
export function DataTable<Row, Key extends string>({
  label,
  columns: given,
  rows,
  rowKey,
  sorting,
  clear = nothing,
  tone,
  top = 'top-(--chrome)',
}: DataTableProps<Row, Key>) {
  const columns = useMemo(() => withEdge(given), [given]);
  const body = useRef<HTMLTableSectionElement>(null);
  const { sort, descending } = sorting ?? {};
  const inOrder = useMemo(
    () =>
      sort === undefined
        ? (rows ?? [])
        : sortRows(rows ?? [], columns, { sort, descending: descending === true }),
    [rows, columns, sort, descending],
  );
  const { ordered, hold } = useHeldOrder(inOrder, rowKey, `${sort} ${descending}`);
  const { inSight, above, below, scrollTo } = useVisibleRows(body, ordered.length);
  useTableKeys({ rows: ordered.length, body, scrollTo, clear });
  return (
    <table
      aria-label={label}
      aria-rowcount={ordered.length + 1}
      aria-busy={rows === null}
      className="w-full table-fixed border-separate border-spacing-0"
    >
      <colgroup>
        {columns.map(({ key, width = '', from = '' }) => (
          <col key={key} className={`${width} ${from}`} />
        ))}
      </colgroup>
      <thead className={`sticky z-10 bg-surface-0 ${top}`}>
        <tr aria-rowindex={1}>
          {columns.map((column) => (
            <Head key={column.key} column={column} sorting={sorting} />
          ))}
        </tr>
      </thead>
      <tbody ref={body} {...hold}>
        {rows === null && <SkeletonRows columns={columns} />}
        <RowSpacer height={above} />
        {inSight.map((index) => {
          const row = ordered[index];
          if (row === undefined) return null;
          return (
            <tr
              key={rowKey(row)}
              data-index={index}
              aria-rowindex={index + 2}
              className={`relative h-(--row) hover:bg-surface-2 has-[[data-row-link]:focus-visible]:outline-2 has-[[data-row-link]:focus-visible]:outline-focus has-[[data-row-link]:focus-visible]:-outline-offset-2 ${tone?.(row) ?? ''}`}
            >
              {columns.map((column) => (
                <Cell key={column.key} column={column}>
                  {column.cell(row)}
                </Cell>
              ))}
            </tr>
          );
        })}
        <RowSpacer height={below} />
      </tbody>
    </table>
  );
}

function Cell<Row>({ column, children }: { column: Column<Row>; children: ReactNode }) {
  const { align = 'left', from = '' } = column;
  const className = `${cell} ${edges} ${alignment[align]} ${from}`;
  if (column.head === true)
    return (
      <th scope="row" className={`${className} text-left font-normal`}>
        {children}
      </th>
    );
  return <td className={className}>{children}</td>;
}

interface HeadProps<Row, Key extends string> {
  column: Column<Row, Key>;
  sorting: DataTableProps<Row, Key>['sorting'];
}

function Head<Row, Key extends string>({ column, sorting }: HeadProps<Row, Key>) {
  const { key, label, title, align = 'left', from = '', sort } = column;
  const className = `${head} ${edges} ${alignment[align]} ${from}`;
  const slot = align === 'slot' ? 'pr-[13px]' : '';
  if (sorting === undefined || sort === undefined)
    return (
      <th scope="col" title={title} className={className}>
        <span className={slot}>{label}</span>
      </th>
    );
  const current = sorting.sort === key;
  const Arrow = sorting.descending ? ArrowDown : ArrowUp;
  const arrow = current && <Arrow aria-hidden="true" className="size-3" />;
  return (
    <th
      scope="col"
      title={title}
      aria-sort={current ? (sorting.descending ? 'descending' : 'ascending') : undefined}
      className={className}
    >
      <button
        type="button"
        onClick={() =>
          sorting.change({ sort: key, descending: current ? !sorting.descending : align !== 'left' })
        }
        className={`inline-flex w-full items-center gap-0.5 hover:text-ink-1 ${align === 'left' ? '' : 'justify-end'} ${slot} ${current ? 'font-[550] text-ink-1' : ''}`}
      >
        {align !== 'left' && arrow}
        {label}
        {align === 'left' && arrow}
      </button>
    </th>
  );
}

function SkeletonRows<Row, Key extends string>({ columns }: { columns: readonly Column<Row, Key>[] }) {
  return Array.from({ length: 8 }, (_, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same and never move
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus
    <tr key={i} aria-hidden="true" className="h-(--row)">
      {columns.map(({ key, align = 'left', from = '' }) => (
        <td key={key} className={`${cell} ${edges} ${alignment[align]} ${from}`}>
          <Skeleton className={align === 'left' ? (i % 3 === 1 ? 'w-3/5' : 'w-4/5') : 'w-8'} />
        </td>
      ))}
    </tr>
  ));
}
