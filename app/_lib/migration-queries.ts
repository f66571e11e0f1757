'use client';

import { type QueryClient, useMutation, useQuery } from '@tanstack/react-query';
import type { DeviceKind } from '../../contract/device.ts';
import type { Migration, MigrationPlan } from '../../contract/migration.ts';
import { requestApi } from './api.ts';
import { getLiveConnection } from './live-connection.ts';
import { useLiveTopic } from './pod-queries.ts';

const one = (id: string) => ['migration', id] as const;
const of = (pod: string) => ['migrations', pod] as const;

/** Returns a migration, updated with each of its steps. */
export function useMigration(id: string | null) {
  useLiveTopic('migrations');
  return useQuery({
    queryKey: one(id ?? ''),
    queryFn: ({ signal }) => requestApi<Migration>(`/migrations/${encodeURIComponent(id ?? '')}`, { signal }),
    enabled: id !== null,
  });
}

/** Returns the latest migrations of a pod, newest first. */
export function usePodMigrations(podId: string) {
  useLiveTopic('migrations');
  return useQuery({
    queryKey: of(podId),
    queryFn: async ({ signal }) =>
      (
        await requestApi<{ items: Migration[] }>(`/migrations?limit=50&pod=${encodeURIComponent(podId)}`, {
          signal,
        })
      ).items,
  });
}

/** Returns the plan of a migration (dry run), and reads it again each time the plan is shown. */
export const useMigrationPlan = (podId: string, to: DeviceKind, enabled: boolean) =>
  useQuery({
    queryKey: ['plan', podId, to],
    queryFn: ({ signal }) =>
      requestApi<MigrationPlan>(`/pods/${encodeURIComponent(podId)}/migrations`, {
        body: { to, dryRun: true },
        signal,
      }),
    enabled,
    gcTime: 0,
    staleTime: 0,
    retry: false,
  });

/**
 * Returns the mutation that starts a migration of a pod; `useMigration` follows its steps. `accept` has the ids of the
 * plan's items whose change or loss is accepted.
 */
export const useStartMigration = (podId: string) =>
  useMutation({
    mutationFn: ({ to, accept }: { to: DeviceKind; accept: readonly string[] }) =>
      requestApi<Migration>(`/pods/${encodeURIComponent(podId)}/migrations`, {
        body: { to, accept, dryRun: false },
      }),
  });

/** Returns the newer of two states of a migration, because messages and responses may arrive out of order. */
export function pickNewerMigration(known: Migration | undefined, next: Migration): Migration {
  if (known === undefined) return next;
  if (known.endedAt !== null && next.endedAt === null) return known;
  const settled = ({ steps }: Migration) => steps.filter(({ state }) => state !== 'pending').length;
  return next.endedAt === null && settled(next) < settled(known) ? known : next;
}

/**
 * Keeps the cached migrations current with messages from the live connection; called once per tab.
 * @returns a function that stops the updates
 */
export function startMigrationCacheSync(client: QueryClient): () => void {
  return getLiveConnection().onMessage((message) => {
    if (message.type !== 'migration') return;
    const { migration } = message;
    client.setQueryData<Migration>(one(migration.id), (known) => pickNewerMigration(known, migration));
    client.setQueryData<Migration[]>(of(migration.podId), (list) => list && upsertMigration(list, migration));
    if (migration.endedAt === null) return;
    void client.invalidateQueries({ queryKey: ['pod', migration.podId] });
    void client.invalidateQueries({ queryKey: ['pod', `${migration.podNamespace}.${migration.podName}`] });
  });
}

/** Replaces a migration in a list by id, or adds it at the front. */
export function upsertMigration(list: readonly Migration[], migration: Migration): Migration[] {
  const index = list.findIndex(({ id }) => id === migration.id);
  if (index === -1) return [migration, ...list];
  return list.with(index, pickNewerMigration(list[index], migration));
}
