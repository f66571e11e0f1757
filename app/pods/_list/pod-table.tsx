'use client';

import { useMemo } from 'react';
import { isObservedPodId } from '../../../contract/observed-pod.ts';
import { DataTable } from '../../_components/table/data-table.tsx';
import { podTimeSeries } from '../../_lib/time-series/sample-store.ts';
import {
  usePodsAreStale,
  useSamplesAreStale,
  useTimeSeriesValue,
} from '../../_lib/time-series/use-time-series.ts';
import { isObserved, type ListedPod } from './listed-pod.ts';
import { createPodSelectColumn, podColumns, podRequestColumns, trailingPodColumns } from './pod-columns.tsx';
import { isPodSortKey, type PodListFilter } from './pod-list-filter.ts';
import { podListText } from './text.ts';
import type { PodSelection } from './use-pod-selection.ts';
import { useResortTrigger } from './use-resort-trigger.ts';

interface PodTableProps {
  /** Pods that match the filter; null while they are loading. */
  pods: readonly ListedPod[] | null;
  view: PodListFilter;
  change: (change: Partial<PodListFilter>) => void;
  clear: () => void;
  selection: PodSelection;
}

const noPods: readonly ListedPod[] = [];

/** Table of pods with their live rates, sorted again every five seconds. */
export function PodTable({ pods, view, change, clear, selection }: PodTableProps) {
  const interval = useResortTrigger();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new array makes the table sort by the current rates
  const rows = useMemo(() => (pods === null ? null : [...pods]), [pods, interval]);
  const showRequests = useTimeSeriesValue(
    () => (pods ?? noPods).some(({ number }) => !Number.isNaN(podTimeSeries.total(number, 'requestsOk'))),
    false,
  );
  const stale = useSamplesAreStale();
  const isStale = usePodsAreStale(pods ?? noPods);
  const { has, toggle, toggleAll } = selection;
  const columns = useMemo(
    () => [
      createPodSelectColumn(
        { has, toggle, toggleAll },
        (pods ?? noPods).filter((pod) => !isObserved(pod)).map(({ id }) => id),
      ),
      ...podColumns,
      ...(showRequests ? podRequestColumns : []),
      ...trailingPodColumns,
    ],
    [has, toggle, toggleAll, pods, showRequests],
  );
  return (
    <DataTable
      label={podListText.table}
      columns={columns}
      rows={rows}
      rowKey={({ id }) => id}
      sorting={{
        sort: view.sort,
        descending: view.descending,
        change: ({ sort, descending }) => {
          if (isPodSortKey(sort)) change({ sort, descending });
        },
      }}
      clear={clear}
      onEscape={() => {
        if (selection.pods.length === 0) return false;
        selection.clear();
        return true;
      }}
      onKey={(event, id) =>
        handleSelectionKey(event, id !== null && isObservedPodId(id) ? null : id, selection)
      }
      onOrderChange={selection.setOrder}
      isSelected={(pod) => !isObserved(pod) && has(pod.id)}
      tone={({ number }) => (isStale(number) ? 'stale' : '')}
      stale={stale}
      top="top-(--chrome) md:top-[calc(var(--chrome)+var(--bar))]"
      skeletonRows={12}
    />
  );
}

/**
 * Handles the key `x`, which selects a row (with shift, all rows from the last selected one), and `a`, which selects
 * all rows.
 */
function handleSelectionKey(
  { key, shiftKey }: KeyboardEvent,
  id: string | null,
  selection: Pick<PodSelection, 'toggle' | 'toggleShown'>,
): boolean {
  if (key === 'a') selection.toggleShown();
  else if (id !== null && key.toLowerCase() === 'x') selection.toggle(id, shiftKey);
  else return false;
  return true;
}
