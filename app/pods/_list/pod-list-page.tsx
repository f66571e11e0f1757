'use client';

import { lazy, Suspense, useMemo } from 'react';
import type { PodSummary } from '../../../contract/pod.ts';
import { Button } from '../../_components/button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { useObservedPods, useObservedSamples } from '../../_lib/observed-pod-queries.ts';
import { usePods } from '../../_lib/pod-queries.ts';
import { RunningBatchStrip } from './_batch/batch-strip.tsx';
import { useBatchSheet } from './_batch/use-batch-sheet.ts';
import { chooseShownPods, isObserved, type ListedPod, toListedPod } from './listed-pod.ts';
import { NoObservedPodsNotice } from './no-observed-pods.tsx';
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
const noObserved: ListedPod[] = [];

/** Page that lists the node's pods with their live rates. */
export function PodListPage() {
  const { data: own, error: ownError, refetch } = usePods();
  const { data: others, error: othersError, refetch: refetchOthers } = useObservedPods();
  const [view, change] = usePodListFilter();
  const observed = useMemo(() => others?.map(toListedPod) ?? noObserved, [others]);
  const show = chooseShownPods(view.show, own?.length ?? 1, observed.length);
  useObservedSamples(show !== 'own');
  const error = show === 'observed' ? othersError : ownError;
  const pods = useMemo((): readonly ListedPod[] | undefined => {
    if (show === 'own') return own;
    if (show === 'observed') return others && observed;
    return own && [...own, ...observed];
  }, [show, own, others, observed]);
  const shown = useMemo(() => filterPods(pods ?? [], view), [pods, view]);
  const facets = useMemo(() => countPodFacets(pods ?? []), [pods]);
  const ownKinds = useMemo(() => countPodFacets(own ?? []).kinds, [own]);
  const selection = usePodSelection(own ?? noPods);
  const sheet = useBatchSheet();
  const clear = () =>
    change({ ...defaultPodListFilter, show: view.show, sort: view.sort, descending: view.descending });

  return (
    <div className="flex min-h-[calc(100dvh-var(--chrome))] flex-col">
      <h1 className="sr-only">{podListText.title}</h1>
      <NodeSummary pods={own?.length ?? null} kinds={ownKinds} />
      <RunningBatchStrip open={sheet.open} />
      <PodFilterBar
        view={view}
        change={change}
        facets={pods === undefined ? null : facets}
        shows={
          observed.length === 0 && view.show === null
            ? null
            : {
                current: show,
                counts: {
                  own: own?.length ?? 0,
                  observed: observed.length,
                  all: (own?.length ?? 0) + observed.length,
                },
              }
        }
      />
      {pods === undefined && error !== null ? (
        <div className="px-(--gutter) py-6">
          <ErrorState error={error} retry={() => void (show === 'observed' ? refetchOthers() : refetch())} />
        </div>
      ) : pods?.length === 0 ? (
        show === 'observed' ? (
          <NoObservedPodsNotice />
        ) : (
          <NoPodsNotice />
        )
      ) : pods !== undefined && shown.length === 0 ? (
        <NoMatch
          text={view.text}
          pods={pods.length}
          nearest={findClosestPodOrNamespaceName(pods, view.text)}
          clear={clear}
          use={(name) =>
            change({
              ...defaultPodListFilter,
              show: view.show,
              text: name,
              sort: view.sort,
              descending: view.descending,
            })
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
        unselected={shown.filter((pod) => !isObserved(pod) && !selection.has(pod.id)).length}
        selectShown={() => selection.toggleAll(shown.filter((pod) => !isObserved(pod)).map(({ id }) => id))}
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
