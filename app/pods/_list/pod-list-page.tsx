'use client';

import { lazy, Suspense, useMemo } from 'react';
import type { PodSummary } from '../../../contract/pod.ts';
import { Button } from '../../_components/button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { usePods } from '../../_lib/pod-queries.ts';
import { RunningBatchStrip } from './_batch/batch-strip.tsx';
import { useBatchSheet } from './_batch/use-batch-sheet.ts';
import { NoPodsNotice } from './no-pods.tsx';
import { NodeSummary } from './node-summary.tsx';
import { PodFilterBar } from './pod-filter-bar.tsx';
import {
  countPodFacets,
  defaultPodListFilter,
  filterPods,
  findClosestPodOrNamespaceName,
  isPodListFiltered,
} from './pod-list-filter.ts';
import { PodTable } from './pod-table.tsx';
import { PodTableFooter } from './pod-table-footer.tsx';
import { PodSelectionBar } from './selection-bar.tsx';
import { formatNoMatchingPodsTitle, formatPodsOnNode, podListText } from './text.ts';
import { usePodListFilter } from './use-pod-list-filter.ts';
import { usePodSelection } from './use-pod-selection.ts';

const BatchSheet = lazy(async () => ({ default: (await import('./_batch/batch-sheet.tsx')).BatchSheet }));
const noPods: PodSummary[] = [];

/** Page that lists the node's pods with their live rates. */
export function PodListPage() {
  const { data: pods, error, refetch } = usePods();
  const [view, change] = usePodListFilter();
  const shown = useMemo(() => filterPods(pods ?? [], view), [pods, view]);
  const facets = useMemo(() => countPodFacets(pods ?? []), [pods]);
  const selection = usePodSelection(pods ?? noPods);
  const sheet = useBatchSheet();
  const clear = () => change({ ...defaultPodListFilter, sort: view.sort, descending: view.descending });

  return (
    <div className="flex min-h-[calc(100dvh-var(--chrome))] flex-col">
      <h1 className="sr-only">{podListText.title}</h1>
      <NodeSummary pods={pods?.length ?? null} kinds={facets.kinds} />
      <RunningBatchStrip open={sheet.open} />
      <PodFilterBar view={view} change={change} facets={pods === undefined ? null : facets} />
      {pods === undefined && error !== null ? (
        <div className="px-(--gutter) py-6">
          <ErrorState error={error} retry={() => void refetch()} />
        </div>
      ) : pods?.length === 0 ? (
        <NoPodsNotice />
      ) : pods !== undefined && shown.length === 0 ? (
        <NoMatch
          text={view.text}
          pods={pods.length}
          nearest={findClosestPodOrNamespaceName(pods, view.text)}
          clear={clear}
          use={(name) =>
            change({ ...defaultPodListFilter, text: name, sort: view.sort, descending: view.descending })
          }
        />
      ) : (
        <PodTable
          pods={pods === undefined ? null : shown}
          view={view}
          change={change}
          clear={clear}
          selection={selection}
        />
      )}
      <span className="mt-auto" />
      <PodSelectionBar
        pods={selection.pods}
        unselected={shown.filter(({ id }) => !selection.has(id)).length}
        selectShown={() => selection.toggleAll(shown.map(({ id }) => id))}
        clear={selection.clear}
        move={sheet.plan}
      />
      <PodTableFooter shown={shown.length} all={pods?.length ?? null} filtered={isPodListFiltered(view)} />
      {sheet.isOpen && (
        <Suspense fallback={null}>
          <BatchSheet sheet={sheet} pods={selection.pods} started={selection.clear} />
        </Suspense>
      )}
    </div>
  );
}

interface NoMatchProps {
  text: string;
  pods: number;
  nearest: string | null;
  clear: () => void;
  use: (name: string) => void;
}

function NoMatch({ text, pods, nearest, clear, use }: NoMatchProps) {
  return (
    <div className="px-(--gutter) py-6" role="status">
      <EmptyState
        title={formatNoMatchingPodsTitle(text)}
        action={<Button onClick={clear}>{podListText.clearFilter}</Button>}
      >
        {formatPodsOnNode(pods)}
        {nearest !== null && (
          <>
            {' '}
            {podListText.didYouMean}{' '}
            <button type="button" className="link text-ink-1" onClick={() => use(nearest)}>
              {nearest}
            </button>
            ?
          </>
        )}
      </EmptyState>
    </div>
  );
}
