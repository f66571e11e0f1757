'use client';

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { BpfMap, BpfMapDetail, MapEntry, MapEntryPage } from '../../../contract/bpf-map.ts';
import { requestApi } from '../../_lib/api.ts';

const one = (id: number) => ['map', id] as const;

/** Returns all eBPF maps on the node. */
export const useBpfMaps = () =>
  useQuery({
    queryKey: ['maps'],
    queryFn: async ({ signal }) => (await requestApi<{ items: BpfMap[] }>('/maps', { signal })).items,
    staleTime: 5000,
  });

/** Returns a BPF map with its types and number of entries. */
export const useBpfMapDetail = (id: number) =>
  useQuery({
    queryKey: one(id),
    queryFn: ({ signal }) => requestApi<BpfMapDetail>(`/maps/${id}`, { signal }),
    staleTime: 5000,
  });

export interface BpfMapEntryFilter {
  search: string;
  /** True to leave out entries whose value is all zeros. */
  filled: boolean;
}

/** Returns the entries of a BPF map page by page, in the kernel's order. */
export const useBpfMapEntries = (id: number, { search, filled }: BpfMapEntryFilter, enabled: boolean) =>
  useInfiniteQuery({
    queryKey: [...one(id), 'entries', search, filled],
    queryFn: ({ pageParam, signal }) => {
      const query = new URLSearchParams();
      if (search !== '') query.set('search', search);
      if (filled) query.set('filled', 'true');
      if (pageParam !== null) query.set('cursor', pageParam);
      return requestApi<MapEntryPage>(`/maps/${id}/entries?${query}`, { signal });
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: (known) => known,
    staleTime: 5000,
    enabled,
  });

/** Returns the URL path that downloads all entries of a map as a file. */
export const bpfMapExportPath = (id: number): string => `/api/v1/maps/${id}/export`;

/** Returns the mutation that writes an entry of one of Podlane's maps. */
export function useWriteBpfMapEntry(id: number) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (entry: Pick<MapEntry, 'key' | 'value'>) =>
      requestApi<unknown>(`/maps/${id}/entries`, { method: 'PUT', body: entry }),
    onSuccess: () => client.invalidateQueries({ queryKey: one(id) }),
  });
}

export function useDeleteBpfMapEntry(id: number) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (keyHex: string) =>
      requestApi<unknown>(`/maps/${id}/entries?key=${keyHex}`, { method: 'DELETE' }),
    onSuccess: () => client.invalidateQueries({ queryKey: one(id) }),
  });
}
