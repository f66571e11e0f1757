'use client';

import { type QueryClient, useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { PodNetworkState } from '../../contract/network-state.ts';
import type { Pod, PodSummary } from '../../contract/pod.ts';
import { requestAllApiPages, requestApi } from './api.ts';
import { getLiveConnection } from './live-connection.ts';

const list = ['pods'] as const;
const one = (id: string) => ['pod', id] as const;

/** Returns all pods of the node, updated by the live connection. */
export function usePods() {
  useLiveTopic('pods');
  return useQuery({
    queryKey: list,
    queryFn: ({ signal }) => requestAllApiPages<PodSummary>('/pods', signal),
  });
}

/** Returns a pod with its device, and reads it again whenever the pod changes. */
export function usePod(id: string) {
  useLiveTopic('pods');
  return useQuery({
    queryKey: one(id),
    queryFn: ({ signal }) => requestApi<Pod>(`/pods/${encodeURIComponent(id)}`, { signal }),
  });
}

/** Returns the network state of a pod's device, read from the kernel anew whenever it is shown. */
export const usePodNetworkState = (id: string) =>
  useQuery({
    queryKey: [...one(id), 'network-state'],
    queryFn: ({ signal }) =>
      requestApi<PodNetworkState>(`/pods/${encodeURIComponent(id)}/network-state`, { signal }),
    staleTime: 0,
  });

/** Subscribes to a topic of the live connection while the component is mounted. */
export function useLiveTopic(
  topic: 'pods' | 'migrations' | 'batches' | 'dumps' | 'events' | 'observed-pods',
): void {
  useEffect(() => getLiveConnection().subscribe({ topic }), [topic]);
}

/** Replaces a pod in a list by id, or adds it at the end. */
export function upsertPod(pods: readonly PodSummary[], pod: PodSummary): PodSummary[] {
  const index = pods.findIndex(({ id }) => id === pod.id);
  return index === -1 ? [...pods, pod] : pods.with(index, pod);
}

/**
 * Keeps the cached pods current with messages from the live connection; called once per tab.
 * @returns a function that stops the updates
 */
export function startPodCacheSync(client: QueryClient): () => void {
  const stream = getLiveConnection();
  const stops = [
    stream.onMessage((message) => {
      if (message.type === 'pod') {
        client.setQueryData<PodSummary[]>(list, (pods) => pods && upsertPod(pods, message.pod));
        void client.invalidateQueries({ queryKey: one(message.pod.id) });
        void client.invalidateQueries({ queryKey: one(`${message.pod.namespace}.${message.pod.name}`) });
      }
      if (message.type === 'pod-removed') {
        client.setQueryData<PodSummary[]>(list, (pods) => pods?.filter(({ id }) => id !== message.id));
        void client.invalidateQueries({ queryKey: one(message.id) });
      }
      // Changes during a disconnection came without messages.
      if (message.type === 'hello') void client.invalidateQueries();
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Splits a pod's name before the suffix that Kubernetes generated: `cart` and `-7c9d8b6f4-x2kqp`. */
export function splitGeneratedSuffix(name: string): [own: string, generated: string] {
  const match =
    /^(.+?)(-[0-9a-f]{6,10}-[0-9a-z]{5}|-\d{8,}-[0-9a-z]{4,5}|-[0-9bcdfghjklmnpqrstvwxz2456789]{5})$/.exec(
      name,
    );
  return match?.[1] === undefined || match[2] === undefined ? [name, ''] : [match[1], match[2]];
}

/** Removes the prefix length from an address; returns an empty string for undefined. */
export const stripPrefixLength = (cidr: string | undefined): string => cidr?.split('/')[0] ?? '';
