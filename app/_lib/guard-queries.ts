'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { GuardChoice, NodeGuard, PodGuard } from '../../contract/guard.ts';
import { call } from './api.ts';

const everyMs = 2000;
const ofPod = (id: string) => ['pod', id, 'guard'] as const;
const ofNode = ['guard'] as const;
const pathOf = (id: string) => `/pods/${encodeURIComponent(id)}/guard`;

/** What the guard sees of a pod, read again and again while the page is looked at. */
export const usePodGuard = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: ofPod(id),
    queryFn: ({ signal }) => call<PodGuard>(pathOf(id), { signal }),
    refetchInterval: everyMs,
    staleTime: everyMs,
    enabled,
  });

export const useNodeGuard = () =>
  useQuery({ queryKey: ofNode, queryFn: ({ signal }) => call<NodeGuard>('/node/guard', { signal }) });

/** Chooses for the pod; `null`: as for the node. */
export function useChooseForPod(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (choice: GuardChoice | null) =>
      choice === null
        ? call<PodGuard>(pathOf(id), { method: 'DELETE' })
        : call<PodGuard>(pathOf(id), { method: 'PUT', body: choice }),
    onSuccess: (guard) => client.setQueryData(ofPod(id), guard),
  });
}

export function useResumeGuard(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => call<PodGuard>(`${pathOf(id)}/resume`, { method: 'POST' }),
    onSuccess: (guard) => client.setQueryData(ofPod(id), guard),
  });
}

export function useChooseForNode() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (choice: GuardChoice) => call<NodeGuard>('/node/guard', { method: 'PUT', body: choice }),
    onSuccess: (guard) => client.setQueryData(ofNode, guard),
  });
}
