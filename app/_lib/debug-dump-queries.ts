'use client';

import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { DebugDump, NewDebugDumpInput } from '../../contract/debug-dump.ts';
import { requestApi } from './api.ts';
import { getLiveConnection } from './live-connection.ts';
import { useLiveTopic } from './pod-queries.ts';

const list = ['dumps'] as const;

/** Returns the stored dumps and the one in progress, newest first. */
export function useDebugDumps() {
  useLiveTopic('dumps');
  return useQuery({
    queryKey: list,
    queryFn: async ({ signal }) => (await requestApi<{ items: DebugDump[] }>('/dumps', { signal })).items,
  });
}

export function useCreateDebugDump() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: NewDebugDumpInput) => requestApi<DebugDump>('/dumps', { body: wanted }),
    onSuccess: (dump) =>
      client.setQueryData<DebugDump[]>(list, (dumps) => dumps && upsertDebugDump(dumps, dump)),
  });
}

/** Returns the mutation that cancels a running dump or deletes a completed one. */
export function useDeleteDebugDump() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => requestApi<unknown>(`/dumps/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    onSuccess: (_, id) =>
      client.setQueryData<DebugDump[]>(list, (dumps) => dumps?.filter((dump) => dump.id !== id)),
  });
}

/** Returns the URL path from which a dump's archive is downloaded. */
export const debugDumpArchivePath = (id: string): string => `/api/v1/dumps/${encodeURIComponent(id)}/archive`;

/** Replaces a dump in a list by id unless the list has a newer state of it, or adds it at the front. */
export function upsertDebugDump(dumps: readonly DebugDump[], dump: DebugDump): DebugDump[] {
  const index = dumps.findIndex(({ id }) => id === dump.id);
  if (index === -1) return [dump, ...dumps];
  return dumps[index]?.endedAt !== null && dump.endedAt === null ? [...dumps] : dumps.with(index, dump);
}

/**
 * Keeps the cached dumps current with messages from the live connection; called once per tab.
 * @returns a function that stops the updates
 */
export function startDebugDumpCacheSync(client: QueryClient): () => void {
  return getLiveConnection().onMessage((message) => {
    if (message.type === 'dump')
      client.setQueryData<DebugDump[]>(list, (dumps) => dumps && upsertDebugDump(dumps, message.dump));
    if (message.type === 'dump-removed')
      client.setQueryData<DebugDump[]>(list, (dumps) => dumps?.filter(({ id }) => id !== message.id));
  });
}
