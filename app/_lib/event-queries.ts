'use client';

import { type QueryClient, useQuery } from '@tanstack/react-query';
import type { Event, EventType } from '../../contract/event.ts';
import { callApi } from './api.ts';
import { liveConnection } from './live-connection.ts';
import { useTopic } from './pod-queries.ts';

const ofPod = (pod: string) => ['events', pod] as const;
const kept = 50;

/** What happened to a pod lately, newest first, kept up to date by the stream. */
export function usePodEvents(podId: string) {
  useTopic('events');
  return useQuery({
    queryKey: ofPod(podId),
    queryFn: async ({ signal }) =>
      (
        await callApi<{ items: Event[] }>(`/events?limit=${kept}&pod=${encodeURIComponent(podId)}`, {
          signal,
        })
      ).items,
  });
}

/** A list, newest first, with `event` in it once. */
export const prependEvent = (list: readonly Event[], event: Event): Event[] =>
  [event, ...list.filter(({ id }) => id !== event.id)].sort((a, b) => b.id - a.id).slice(0, kept);

/** Carries the stream's events into the queries; once for the tab. */
export function startEventUpdates(client: QueryClient): () => void {
  return liveConnection().onMessage((message) => {
    if (message.type !== 'event' || message.event.podId === null) return;
    client.setQueryData<Event[]>(
      ofPod(message.event.podId),
      (list) => list && prependEvent(list, message.event),
    );
  });
}

/** What happened, in a word or two; the message tells the rest. */
export const eventLabels: Record<EventType, string> = {
  'agent.started': 'agent started',
  'pod.attached': 'attached',
  'pod.detached': 'detached',
  'pod.gone': 'gone',
  'migration.done': 'migrated',
  'migration.undone': 'migration undone',
  'migration.failed': 'migration failed',
  'migration.recovered': 'migration ended after a restart',
  'batch.started': 'batch started',
  'batch.paused': 'batch paused',
  'batch.resumed': 'batch resumed',
  'batch.interrupted': 'batch interrupted',
  'batch.stopped': 'batch stopped',
  'batch.done': 'batch done',
  'build.added': 'build added',
  'build.removed': 'build removed',
  'build.activated': 'build activated',
  'build.undone': 'build not activated',
  'build.newer': 'newer build installed',
  'program.attached': 'program attached',
  'program.detached': 'program detached',
  'hooks.moved': 'programs moved',
  'guard.repaired': 'guard repaired',
  'guard.fallback': 'guard fell back to veth',
  'guard.left-alone': 'guard left it alone',
  'guard.resumed': 'guard resumed',
  'guard.changed': 'guard changed',
  'map.edited': 'map entry edited',
  'rules.applied': 'rules applied',
  'rules.removed': 'rules taken away',
  'rules.staged': 'draft of rules',
  'rules.failed': 'rules not in force',
  drift: 'drift',
};

/** The words of a type; those of a newer agent than this page as they are. */
export const eventLabel = (type: EventType): string => eventLabels[type] ?? type;
