'use client';

import { type QueryClient, useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { PodPath } from '../../contract/path.ts';
import type { Pod, PodSummary } from '../../contract/pod.ts';
import { callApi, callApiAllPages } from './api.ts';
import { liveConnection } from './live-connection.ts';

const list = ['pods'] as const;
const one = (id: string) => ['pod', id] as const;

/** All pods of the node, kept up to date by the stream. */
export function usePods() {
  useTopic('pods');
  return useQuery({ queryKey: list, queryFn: ({ signal }) => callApiAllPages<PodSummary>('/pods', signal) });
}

/** One pod with its device, read again whenever something about it changes. */
export function usePod(id: string) {
  useTopic('pods');
  return useQuery({
    queryKey: one(id),
    queryFn: ({ signal }) => callApi<Pod>(`/pods/${encodeURIComponent(id)}`, { signal }),
  });
}

/** The way of a packet that leaves the pod. */
export const usePodPath = (id: string) =>
  useQuery({
    queryKey: [...one(id), 'path'],
    queryFn: ({ signal }) => callApi<PodPath>(`/pods/${encodeURIComponent(id)}/path`, { signal }),
  });

/** Holds a topic of the stream as long as the component stands. */
export function useTopic(topic: 'pods' | 'migrations' | 'batches' | 'dumps' | 'events'): void {
  useEffect(() => liveConnection().subscribe({ topic }), [topic]);
}

/** A list with `pod` in it, in place of the one with the same id or at the end. */
export function upsertPod(pods: readonly PodSummary[], pod: PodSummary): PodSummary[] {
  const index = pods.findIndex(({ id }) => id === pod.id);
  return index === -1 ? [...pods, pod] : pods.with(index, pod);
}

/** Carries the stream's messages about pods into the queries; once for the tab. */
export function startPodUpdates(client: QueryClient): () => void {
  const stream = liveConnection();
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
      // What happened while the connection was away came with no message.
      if (message.type === 'hello') void client.invalidateQueries();
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** The names of a pod split where the generated suffix of its owner begins: `cart`, `-7c9d8b6f4-x2kqp`. */
export function splitName(name: string): [own: string, generated: string] {
  const match =
    /^(.+?)(-[0-9a-f]{6,10}-[0-9a-z]{5}|-\d{8,}-[0-9a-z]{4,5}|-[0-9bcdfghjklmnpqrstvwxz2456789]{5})$/.exec(
      name,
    );
  return match?.[1] === undefined || match[2] === undefined ? [name, ''] : [match[1], match[2]];
}

/** The address without its prefix length. */
export const plainAddress = (cidr: string | undefined): string => cidr?.split('/')[0] ?? '';
