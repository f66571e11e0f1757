'use client';

import { type QueryClient, useQuery } from '@tanstack/react-query';
import type { AgentEvent } from '../../contract/agent-event.ts';
import { requestApi } from './api.ts';
import { getLiveConnection } from './live-connection.ts';
import { useLiveTopic } from './pod-queries.ts';

const ofPod = (pod: string) => ['events', pod] as const;
const maxEvents = 50;

/** Returns the latest events of a pod, newest first, updated by the live connection. */
export function usePodEvents(podId: string) {
  useLiveTopic('events');
  return useQuery({
    queryKey: ofPod(podId),
    queryFn: async ({ signal }) =>
      (
        await requestApi<{ items: AgentEvent[] }>(
          `/events?limit=${maxEvents}&pod=${encodeURIComponent(podId)}`,
          {
            signal,
          },
        )
      ).items,
  });
}

/** Adds an event at the front of a list, newest first, and removes an older copy with the same id. */
export const prependEvent = (list: readonly AgentEvent[], event: AgentEvent): AgentEvent[] =>
  [event, ...list.filter(({ id }) => id !== event.id)].sort((a, b) => b.id - a.id).slice(0, maxEvents);

/**
 * Adds events from the live connection to the cached lists; called once per tab.
 * @returns a function that stops the updates
 */
export function startEventCacheSync(client: QueryClient): () => void {
  return getLiveConnection().onMessage((message) => {
    if (message.type !== 'event' || message.event.podId === null) return;
    client.setQueryData<AgentEvent[]>(
      ofPod(message.event.podId),
      (list) => list && prependEvent(list, message.event),
    );
  });
}
