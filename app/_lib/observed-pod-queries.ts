'use client';

import { type QueryClient, useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { ObservedPodPath } from '../../contract/observed-path.ts';
import type {
  ObservedPod,
  ObservedPodPage,
  ObservedPodSummary,
  RuntimeList,
} from '../../contract/observed-pod.ts';
import { requestApi } from './api.ts';
import { getLiveConnection } from './live-connection.ts';
import { useLiveTopic } from './pod-queries.ts';
import { observedTimeSeries } from './time-series/sample-store.ts';

const list = ['observed-pods'] as const;
const one = (id: string) => ['observed-pod', id] as const;
/** Time in ms between two readings of what the agent does not announce: statistics, routes, rules of the node. */
const readEveryMs = 5000;
const runtimesEveryMs = 10_000;

/** Returns the pods of the node that others made, updated by the live connection. */
export function useObservedPods() {
  useLiveTopic('observed-pods');
  return useQuery({ queryKey: list, queryFn: ({ signal }) => requestAllObserved(signal) });
}

async function requestAllObserved(signal: AbortSignal): Promise<ObservedPodSummary[]> {
  const items: ObservedPodSummary[] = [];
  for (let before: string | null = ''; before !== null; ) {
    const query: string = before === '' ? '' : `&before=${encodeURIComponent(before)}`;
    const page: ObservedPodPage = await requestApi(`/observed-pods?limit=500${query}`, { signal });
    items.push(...page.items);
    before = page.next;
  }
  return items;
}

/** Returns an observed pod with its interfaces, read again every few seconds and whenever it changes. */
export function useObservedPod(id: string) {
  useLiveTopic('observed-pods');
  return useQuery({
    queryKey: one(id),
    queryFn: ({ signal }) => requestApi<ObservedPod>(`/observed-pods/${encodeURIComponent(id)}`, { signal }),
    refetchInterval: readEveryMs,
  });
}

/** Returns the path of packets that leave an observed pod by one of its interfaces. */
export const useObservedPodPath = (id: string, name: string | null) =>
  useQuery({
    queryKey: [...one(id), 'path', name],
    queryFn: ({ signal }) =>
      requestApi<ObservedPodPath>(
        `/observed-pods/${encodeURIComponent(id)}/path?interface=${encodeURIComponent(name ?? '')}`,
        { signal },
      ),
    refetchInterval: 2 * readEveryMs,
    enabled: name !== null,
  });

/** Returns the container runtimes that the agent looks for. */
export const useRuntimes = () =>
  useQuery({
    queryKey: ['runtimes'],
    queryFn: ({ signal }) => requestApi<RuntimeList>('/runtimes', { signal }),
    refetchInterval: runtimesEveryMs,
  });

/** Receives the samples of observed pods while the component is mounted and `wanted` is true. */
export function useObservedSamples(wanted: boolean): void {
  useEffect(
    () => (wanted ? getLiveConnection().subscribe({ topic: 'observed-samples' }) : undefined),
    [wanted],
  );
}

/** Replaces a pod in a list by id, or adds it at the end. */
export function upsertObservedPod(
  pods: readonly ObservedPodSummary[],
  pod: ObservedPodSummary,
): ObservedPodSummary[] {
  const index = pods.findIndex(({ id }) => id === pod.id);
  return index === -1 ? [...pods, pod] : pods.with(index, pod);
}

/**
 * Keeps the cached observed pods current with messages from the live connection; called once per tab.
 * @returns a function that stops the updates
 */
export const startObservedPodCacheSync = (client: QueryClient): (() => void) =>
  getLiveConnection().onMessage((message) => {
    if (message.type === 'observed-pod') {
      client.setQueryData<ObservedPodSummary[]>(list, (pods) => pods && upsertObservedPod(pods, message.pod));
      void client.invalidateQueries({ queryKey: one(message.pod.id) });
    }
    if (message.type === 'observed-pod-removed') {
      const gone = client.getQueryData<ObservedPodSummary[]>(list)?.find(({ id }) => id === message.id);
      if (gone) observedTimeSeries.forget(gone.number);
      client.setQueryData<ObservedPodSummary[]>(list, (pods) => pods?.filter(({ id }) => id !== message.id));
      void client.invalidateQueries({ queryKey: one(message.id) });
    }
  });
