'use client';

import { useTable } from '@tanstack/react-table';
import { useMemo, useRef } from 'react';
import type { PodSummary } from '../../../contract/pod.ts';
import { RowSpacer } from '../../_components/table/row-spacer.tsx';
import { useTableKeys } from '../../_components/table/use-table-keys.ts';
import { useVisibleRows } from '../../_components/table/use-visible-rows.ts';
import { podSeries } from '../../_lib/time-series/store.ts';
import { useSamplesAreStale, useSampleValue } from '../../_lib/time-series/use-time-series.ts';
import { columns, features } from './columns.ts';
import type { PodListView } from './list-view.ts';
import { PodRow } from './pod-row.tsx';
import { SelectBox } from './select-box.tsx';
import { SkeletonRows } from './skeleton-rows.tsx';
import { headRows, TableHead } from './table-head.tsx';
import type { PodSelection } from './use-selection.ts';
import { useSortInterval } from './use-sort-interval.ts';

interface PodTableProps {
  /** What the filter leaves; null while they are not known. */
  pods: readonly PodSummary[] | null;
  view: PodListView;
  change: (change: Partial<PodListView>) => void;
  clear: () => void;
  selection: PodSelection;
}

const noPods: PodSummary[] = [];

/** The table. Only the rows in sight are in the document; the sort order is renewed every five seconds. */
export function PodTable({ pods, view, change, clear, selection }: PodTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const { order, hold } = useSortInterval();
  // biome-ignore lint/correctness/useExhaustiveDependencies: new data makes the table sort by the rates of now
  const data = useMemo(() => (pods === null ? noPods : [...pods]), [pods, order]);
  const showRequests = useSampleValue(
    () => data.some((pod) => !Number.isNaN(podSeries.total(pod.number, 'requestsOk'))),
    false,
  );
  const sorting = useMemo(() => [{ id: view.sort, desc: view.descending }], [view.sort, view.descending]);
  const table = useTable({ features, columns, data, getRowId: (pod) => pod.id, state: { sorting } });
  const { rows } = table.getRowModel();
  const ids = useMemo(() => rows.map(({ id }) => id), [rows]);
  selection.rows.current = ids;
  const selected = ids.filter(selection.has).length;
  const stale = useSamplesAreStale();
  const { visible, above, below, scrollTo } = useVisibleRows(body, rows.length);
  useTableKeys({
    rows: rows.length,
    body,
    scrollTo,
    clear,
    onEscape: () => {
      if (selection.pods.length === 0) return false;
      selection.clear();
      return true;
    },
    own: (event, row) => selects(event, row, selection),
  });

  return (
    <table
      aria-label="Pods"
      aria-rowcount={rows.length + headRows}
      aria-busy={pods === null}
      className="w-full table-fixed border-separate border-spacing-0"
    >
      <TableHead
        selectAll={
          <SelectBox
            label="Select all shown"
            checked={selected === 0 ? false : selected === ids.length || 'some'}
            onChange={() => selection.toggleAll(ids)}
          />
        }
        view={view}
        change={change}
        showRequests={showRequests}
      />
      <tbody ref={body} className={stale ? 'stale' : ''} {...hold}>
        {pods === null && <SkeletonRows rows={12} />}
        <RowSpacer height={above} />
        {visible.map((index) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <PodRow
              key={row.id}
              pod={row.original}
              index={index}
              showRequests={showRequests}
              selected={selection.has(row.id)}
              select={selection.toggle}
            />
          );
        })}
        <RowSpacer height={below} />
      </tbody>
    </table>
  );
}

/** `x` selects a row, with shift all from the one selected last, and `a` all that are shown. */
function selects(
  { key, shiftKey }: KeyboardEvent,
  row: HTMLElement | null,
  selection: Pick<PodSelection, 'toggle' | 'toggleAll' | 'rows'>,
): boolean {
  const id = row?.dataset.pod;
  if (key === 'a') selection.toggleAll(selection.rows.current);
  else if (id !== undefined && key.toLowerCase() === 'x') selection.toggle(id, shiftKey);
  else return false;
  return true;
}
