'use client';

import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { Dump, NewDumpInput } from '../../contract/dump.ts';
import { callApi } from './api.ts';
import { liveConnection } from './live-connection.ts';
import { useTopic } from './pod-queries.ts';

const list = ['dumps'] as const;

/** The dumps that are kept, newest first, with the one that is being made. */
export function useDumps() {
  useTopic('dumps');
  return useQuery({
    queryKey: list,
    queryFn: async ({ signal }) => (await callApi<{ items: Dump[] }>('/dumps', { signal })).items,
  });
}

export function useCreateDump() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: NewDumpInput) => callApi<Dump>('/dumps', { body: wanted }),
    onSuccess: (dump) => client.setQueryData<Dump[]>(list, (dumps) => dumps && upsertDump(dumps, dump)),
  });
}

/** Cancels a dump that runs, deletes one that is done. */
export function useDeleteDump() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => callApi<unknown>(`/dumps/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    onSuccess: (_, id) =>
      client.setQueryData<Dump[]>(list, (dumps) => dumps?.filter((dump) => dump.id !== id)),
  });
}

/** Where the archive is had as a file. */
export const archivePath = (id: string): string => `/api/v1/dumps/${encodeURIComponent(id)}/archive`;

/** A list, newest first, with `dump` in it; what is known already is not overwritten by something older. */
export function upsertDump(dumps: readonly Dump[], dump: Dump): Dump[] {
  const index = dumps.findIndex(({ id }) => id === dump.id);
  if (index === -1) return [dump, ...dumps];
  return dumps[index]?.endedAt !== null && dump.endedAt === null ? [...dumps] : dumps.with(index, dump);
}

/** Carries the stream's messages about dumps into the query; once for the tab. */
export function startDumpUpdates(client: QueryClient): () => void {
  return liveConnection().onMessage((message) => {
    if (message.type === 'dump')
      client.setQueryData<Dump[]>(list, (dumps) => dumps && upsertDump(dumps, message.dump));
    if (message.type === 'dump-removed')
      client.setQueryData<Dump[]>(list, (dumps) => dumps?.filter(({ id }) => id !== message.id));
  });
}
