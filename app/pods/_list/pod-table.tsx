'use client';

import { useTable } from '@tanstack/react-table';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { PodSummary } from '../../../contract/pod.ts';
import { samples, useSamples, useStale } from '../../_lib/samples.ts';
import { useRowHeight } from '../../_lib/use-row-height.ts';
import { columns, features } from './columns.ts';
import { PodRow } from './pod-row.tsx';
import { SelectBox } from './select-box.tsx';
import { SkeletonRows } from './skeleton-rows.tsx';
import { TableHead } from './table-head.tsx';
import { useOrder } from './use-order.ts';
import { useRowKeys } from './use-row-keys.ts';
import type { Selection } from './use-selection.ts';
import type { View } from './view.ts';

interface PodTableProps {
  /** What the filter leaves; null while they are not known. */
  pods: readonly PodSummary[] | null;
  view: View;
  change: (change: Partial<View>) => void;
  clear: () => void;
  selection: Selection;
}

const headRows = 2;
const noPods: PodSummary[] = [];

/** The table. Only the rows in sight are in the document; the sort order is renewed every five seconds. */
export function PodTable({ pods, view, change, clear, selection }: PodTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const { order, hold } = useOrder();
  // biome-ignore lint/correctness/useExhaustiveDependencies: new data makes the table sort by the rates of now
  const data = useMemo(() => (pods === null ? noPods : [...pods]), [pods, order]);
  const showRequests = useSamples(
    () => data.some((pod) => !Number.isNaN(samples.total(pod.number, 'requestsOk'))),
    false,
  );
  const sorting = useMemo(() => [{ id: view.sort, desc: view.descending }], [view.sort, view.descending]);
  const table = useTable({ features, columns, data, getRowId: (pod) => pod.id, state: { sorting } });
  const { rows } = table.getRowModel();
  const ids = useMemo(() => rows.map(({ id }) => id), [rows]);
  selection.rows.current = ids;
  const selected = ids.filter(selection.has).length;
  const stale = useStale();

  const height = useRowHeight();
  const [margin, setMargin] = useState(0);
  useLayoutEffect(() => {
    if (body.current !== null) setMargin(body.current.getBoundingClientRect().top + scrollY);
  }, []);
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => height,
    overscan: 12,
    scrollMargin: margin,
    getItemKey: (index) => rows[index]?.id ?? index,
  });
  const items = virtualizer.getVirtualItems();
  const above = (items[0]?.start ?? margin) - margin;
  const below = virtualizer.getTotalSize() - ((items.at(-1)?.end ?? margin) - margin);
  useRowKeys({
    rows: rows.length,
    body,
    scrollTo: (index) => virtualizer.scrollToIndex(index),
    clear,
    selection,
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
        {above > 0 && <Spacer height={above} />}
        {items.map(({ index, key }) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <PodRow
              key={String(key)}
              pod={row.original}
              index={index + 1 + headRows}
              showRequests={showRequests}
              selected={selection.has(row.id)}
              select={selection.toggle}
            />
          );
        })}
        {below > 0 && <Spacer height={below} />}
      </tbody>
    </table>
  );
}

/** Stands for the rows out of sight. */
const Spacer = ({ height }: { height: number }) => (
  // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus
  <tr aria-hidden="true">
    <td style={{ height }} />
  </tr>
);
