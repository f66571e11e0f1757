'use client';

import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type {
  BpfLink,
  BpfOwner,
  BpfProgram,
  ProgramInstructions,
  ProgramList,
  RunStatisticsState,
} from '../../contract/program.ts';
import { requestApi } from '../_lib/api.ts';

const everyMs = 2000;
const list = ['programs'] as const;
const one = (id: number) => ['program', id] as const;

/** Returns all eBPF programs on the node. Polling keeps the kernel's run stats enabled. */
export const usePrograms = () =>
  useQuery({
    queryKey: list,
    queryFn: ({ signal }) => requestApi<ProgramList>('/programs', { signal }),
    refetchInterval: everyMs,
    staleTime: everyMs,
  });

export const useProgram = (id: number) =>
  useQuery({
    queryKey: one(id),
    queryFn: ({ signal }) => requestApi<BpfProgram>(`/programs/${id}`, { signal }),
    refetchInterval: ({ state }) => (state.error === null ? everyMs : false),
    staleTime: everyMs,
    placeholderData: keepPreviousData,
  });

/** Returns the translated instructions of a program, which never change. */
export const useProgramInstructions = (id: number) =>
  useQuery({
    queryKey: [...one(id), 'instructions'],
    queryFn: ({ signal }) => requestApi<ProgramInstructions>(`/programs/${id}/instructions`, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const useBpfLinks = () =>
  useQuery({
    queryKey: ['bpf-links'],
    queryFn: async ({ signal }) => (await requestApi<{ items: BpfLink[] }>('/bpf-links', { signal })).items,
    staleTime: 5000,
  });

/** Returns the mutation that sets whether run stats stay enabled while no page shows them. */
export function useKeepRunStatsEnabled() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (always: boolean) =>
      requestApi<RunStatisticsState>('/programs/statistics', { method: 'PUT', body: { always } }),
    onSuccess: (statistics) =>
      client.setQueryData<ProgramList>(list, (known) => known && { ...known, statistics }),
  });
}

/** Returns the name of a program, from BTF if that has the full name, or `#412` for a program without a name. */
export const formatProgramName = ({
  fullName,
  name,
  id,
}: Pick<BpfProgram, 'fullName' | 'name' | 'id'>): string => fullName ?? (name === '' ? `#${id}` : name);

/** Formats the owner of a BPF object on one line. */
export function formatBpfOwner(owner: BpfOwner): string {
  if (owner.kind === 'podlane') return `Podlane, ${owner.what}`;
  if (owner.kind === 'process') return `${owner.name} (${owner.pid})`;
  return owner.kind === 'pin' ? owner.path : 'unknown';
}
