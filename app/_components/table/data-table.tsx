'use client';

import { ArrowDown, ArrowUp } from 'lucide-react';
import { memo, type ReactNode, useEffect, useMemo, useRef } from 'react';
import { ValueSkeleton } from '../skeleton.tsx';
import { TableRowSpacer } from './row-spacer.tsx';
import { sortTableRows, type TableColumn, type TableSorting } from './table-column.ts';
import { useStableRowOrder } from './use-stable-row-order.ts';
import { useTableKeyboard } from './use-table-keyboard.ts';
import { useVirtualTableRows } from './use-virtual-rows.ts';

interface DataTableProps<Row, Key extends string> {
  label: string;
  columns: readonly TableColumn<Row, Key>[];
  /** Rows of the table; null while they are loading, which shows skeleton rows. */
  rows: readonly Row[] | null;
  rowKey: (row: Row) => string;
  /**
   * Current sort order and the function that changes it. Without it, rows keep their order and headings are not
   * buttons.
   */
  sorting?: TableSorting<Key> & { change: (sorting: TableSorting<Key>) => void };
  /** Clears the filter; called on Escape. */
  clear?: () => void;
  /** Called on Escape before `clear`; returns true if it handled the key, e.g. by clearing a selection. */
  onEscape?: () => boolean;
  /**
   * Handles further keys while no text field has the focus; `key` is the key of the focused row. Returns true if it
   * handled the event.
   */
  onKey?: (event: KeyboardEvent, key: string | null) => boolean;
  /** Called with the keys of all rows in order whenever the order changes. The function must be stable. */
  onOrderChange?: (keys: readonly string[]) => void;
  isSelected?: (row: Row) => boolean;
  /** Returns the CSS classes of a row, e.g. `text-muted` for a process that has ended. */
  tone?: (row: Row) => string;
  /** True to dim the rows because their data is outdated. */
  stale?: boolean;
  /** CSS class for the vertical position of the sticky heading. */
  top?: string;
  /** Number of skeleton rows to show while the data is loading. */
  skeletonRows?: number;
  /** Content shown in place of the table if `rows` is empty: says why there are no rows and what to do. */
  empty?: ReactNode;
}

const head = 'border-line-2 border-b px-2 text-left font-[450] text-12 text-muted whitespace-nowrap';
const cell = 'overflow-hidden border-line-1 border-b px-2 whitespace-nowrap text-ellipsis';
const edges = 'first:pl-(--gutter) last:pr-(--gutter)';
const alignment = { left: '', right: 'text-right', slot: 'text-right' } as const;
const nothing = () => {};

/** Adds the page margin to the first column that stays visible on narrow screens. */
function withEdge<Row, Key extends string>(
  columns: readonly TableColumn<Row, Key>[],
): readonly TableColumn<Row, Key>[] {
  const first = columns.findIndex(({ from = '' }) => !from.includes('max-md:hidden'));
  return columns.map((column, index) =>
    index === first ? { ...column, from: `${column.from ?? ''} max-md:pl-(--gutter)` } : column,
  );
}

/**
 * The table of every list. It offers:
 * - sorting: a column with `sort` has a button in its heading; `aria-sort` names the current one. While the pointer
 *   is over the rows or one has the focus, rows do not move.
 * - virtual rows: only rows near the viewport are in the document, so that 10,000 rows scroll smoothly;
 *   `aria-rowcount` and `aria-rowindex` give the whole table.
 * - keyboard: arrows, `j` and `k`, Home and End move between rows, Enter opens the row through the link or button in it
 *   that has `data-row-link`, Escape clears the selection (`onEscape`) and then the filter (`clear`); `onKey` adds keys.
 * - live values: a row renders only when its data changes; cells subscribe to live values themselves.
 * - groups of columns with a common heading, a selected state, skeleton rows while loading, and an empty state.
 */
export function DataTable<Row, Key extends string>({
  label,
  columns: given,
  rows,
  rowKey,
  sorting,
  clear = nothing,
  onEscape,
  onKey,
  onOrderChange,
  isSelected,
  tone,
  stale = false,
  top = 'top-(--chrome)',
  skeletonRows = 8,
  empty,
}: DataTableProps<Row, Key>) {
  const columns = useMemo(() => withEdge(given), [given]);
  const body = useRef<HTMLTableSectionElement>(null);
  const { sort, descending } = sorting ?? {};
  const sortedRows = useMemo(
    () =>
      sort === undefined
        ? (rows ?? [])
        : sortTableRows(rows ?? [], columns, { sort, descending: descending === true }),
    [rows, columns, sort, descending],
  );
  const { ordered, handlers } = useStableRowOrder(sortedRows, rowKey, `${sort} ${descending}`);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only the order of the rows matters
  useEffect(() => onOrderChange?.(ordered.map(rowKey)), [ordered, onOrderChange]);
  const { visible, above, below, scrollTo } = useVirtualTableRows(body, ordered.length);
  useTableKeyboard({
    rows: ordered.length,
    body,
    scrollTo,
    clear,
    ...(onEscape === undefined ? {} : { onEscape }),
    own: (event, row) => onKey?.(event, row?.dataset.key ?? null) === true,
  });
  const headRows = columns.some(({ group }) => group !== undefined) ? 2 : 1;
  if (rows?.length === 0 && empty !== undefined) return empty;
  return (
    <table
      aria-label={label}
      aria-rowcount={ordered.length + headRows}
      aria-busy={rows === null}
      className="w-full table-fixed border-separate border-spacing-0"
    >
      <colgroup>
        {columns.map(({ key, width = '', from = '' }) => (
          <col key={key} className={`${width} ${from}`} />
        ))}
      </colgroup>
      <thead className={`sticky z-10 bg-surface-0 ${top}`}>
        {headRows === 2 && (
          <tr aria-rowindex={1}>
            <GroupHeads columns={columns} />
          </tr>
        )}
        <tr aria-rowindex={headRows}>
          {columns.map((column) => (
            <Head
              key={column.key}
              column={column}
              height={headRows === 2 ? 'h-6' : 'h-7'}
              {...(sorting === undefined ? {} : { sorting })}
            />
          ))}
        </tr>
      </thead>
      <tbody ref={body} className={stale ? 'stale' : ''} {...handlers}>
        {rows === null && <SkeletonRows columns={columns} rows={skeletonRows} />}
        <TableRowSpacer height={above} />
        {visible.map((index) => {
          const row = ordered[index];
          if (row === undefined) return null;
          const key = rowKey(row);
          return (
            <DataRow
              key={key}
              id={key}
              row={row}
              index={index}
              headRows={headRows}
              columns={columns}
              selected={isSelected?.(row) === true}
              tone={tone?.(row) ?? ''}
            />
          );
        })}
        <TableRowSpacer height={below} />
      </tbody>
    </table>
  );
}

interface DataRowProps<Row, Key extends string> {
  id: string;
  row: Row;
  /** Index of the table row among all rows, from 0. */
  index: number;
  headRows: number;
  columns: readonly TableColumn<Row, Key>[];
  selected: boolean;
  tone: string;
}

const DataRow = memo(function DataRow<Row, Key extends string>({
  id,
  row,
  index,
  headRows,
  columns,
  selected,
  tone,
}: DataRowProps<Row, Key>) {
  return (
    <tr
      data-index={index}
      data-key={id}
      data-selected={selected || undefined}
      aria-rowindex={index + 1 + headRows}
      className={`relative h-(--row) data-selected:bg-accent-wash hover:bg-surface-2 has-[[data-row-link]:focus-visible]:outline-2 has-[[data-row-link]:focus-visible]:outline-focus has-[[data-row-link]:focus-visible]:-outline-offset-2 ${tone}`}
    >
      {columns.map((column) => (
        <Cell key={column.key} column={column}>
          {column.cell(row)}
        </Cell>
      ))}
    </tr>
  );
}) as <Row, Key extends string>(props: DataRowProps<Row, Key>) => ReactNode;

function Cell<Row>({ column, children }: { column: TableColumn<Row>; children: ReactNode }) {
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

/** Renders the headings that adjacent columns share, above the columns' own headings. */
function GroupHeads<Row, Key extends string>({ columns }: { columns: readonly TableColumn<Row, Key>[] }) {
  return columns.map(({ key, group, from = '' }, index) => {
    if (group === undefined) return <td key={key} className={from} />;
    if (columns[index - 1]?.group === group) return null;
    const span = columns.filter((column) => column.group === group).length;
    return (
      <th
        key={key}
        scope="colgroup"
        colSpan={span}
        className={`h-5 px-2 align-bottom font-[450] text-12 text-muted ${from}`}
      >
        <span className="block border-line-1 border-b text-right leading-[17px]">{group}</span>
      </th>
    );
  });
}

interface HeadProps<Row, Key extends string> {
  column: TableColumn<Row, Key>;
  height: string;
  sorting?: NonNullable<DataTableProps<Row, Key>['sorting']>;
}

function Head<Row, Key extends string>({ column, height, sorting }: HeadProps<Row, Key>) {
  const { key, label, group, title, headContent, align = 'left', from = '', sort } = column;
  const className = `${head} ${height} ${edges} ${alignment[align]} ${from}`;
  const slot = align === 'slot' ? 'pr-[13px]' : '';
  if (headContent !== undefined)
    return (
      <th scope="col" title={title} className={`${className} relative`}>
        {headContent}
      </th>
    );
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
        {group !== undefined && <span className="sr-only">{group} </span>}
        {label}
        {align === 'left' && arrow}
      </button>
    </th>
  );
}

interface SkeletonRowsProps<Row, Key extends string> {
  columns: readonly TableColumn<Row, Key>[];
  rows: number;
}

function SkeletonRows<Row, Key extends string>({ columns, rows }: SkeletonRowsProps<Row, Key>) {
  return Array.from({ length: rows }, (_, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same and never move
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus
    <tr key={i} aria-hidden="true" className="h-(--row)">
      {columns.map(({ key, align = 'left', from = '' }) => (
        <td key={key} className={`${cell} ${edges} ${alignment[align]} ${from}`}>
          <ValueSkeleton className={align === 'left' ? (i % 3 === 1 ? 'w-3/5' : 'w-4/5') : 'w-8'} />
        </td>
      ))}
    </tr>
  ));
}
