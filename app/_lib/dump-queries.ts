'use client';

import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { Dump, NewDumpInput } from '../../contract/dump.ts';
import { requestApi } from './api.ts';
import { getLiveConnection } from './live-connection.ts';
import { useLiveTopic } from './pod-queries.ts';

const list = ['dumps'] as const;

/** Stored dumps and the one in progress, newest first. */
export function useDumps() {
  useLiveTopic('dumps');
  return useQuery({
    queryKey: list,
    queryFn: async ({ signal }) => (await requestApi<{ items: Dump[] }>('/dumps', { signal })).items,
  });
}

export function useCreateDump() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: NewDumpInput) => requestApi<Dump>('/dumps', { body: wanted }),
    onSuccess: (dump) => client.setQueryData<Dump[]>(list, (dumps) => dumps && upsertDump(dumps, dump)),
  });
}

/** Cancels a running dump or deletes a completed one. */
export function useDeleteDump() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => requestApi<unknown>(`/dumps/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    onSuccess: (_, id) =>
      client.setQueryData<Dump[]>(list, (dumps) => dumps?.filter((dump) => dump.id !== id)),
  });
}

/** Returns the URL path of a dump's archive. */
export const dumpArchivePath = (id: string): string => `/api/v1/dumps/${encodeURIComponent(id)}/archive`;

/** Replaces a dump in a list by id unless the known state is newer, or adds it at the front. */
export function upsertDump(dumps: readonly Dump[], dump: Dump): Dump[] {
  const index = dumps.findIndex(({ id }) => id === dump.id);
  if (index === -1) return [dump, ...dumps];
  return dumps[index]?.endedAt !== null && dump.endedAt === null ? [...dumps] : dumps.with(index, dump);
}

/** Updates the query from the live connection's messages; called once per tab. @returns a function that stops it */
export function startDumpCacheSync(client: QueryClient): () => void {
  return getLiveConnection().onMessage((message) => {
    if (message.type === 'dump')
      client.setQueryData<Dump[]>(list, (dumps) => dumps && upsertDump(dumps, message.dump));
    if (message.type === 'dump-removed')
      client.setQueryData<Dump[]>(list, (dumps) => dumps?.filter(({ id }) => id !== message.id));
  });
}
