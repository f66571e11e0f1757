'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { GuardThresholdOverrides, NodeGuard, PodGuard } from '../../contract/guard.ts';
import { requestApi } from './api.ts';

const everyMs = 2000;
const ofPod = (id: string) => ['pod', id, 'guard'] as const;
const ofNode = ['guard'] as const;
const pathOf = (id: string) => `/pods/${encodeURIComponent(id)}/guard`;

/** Returns a pod's guard with its signals and actions, read every two seconds. */
export const usePodGuard = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: ofPod(id),
    queryFn: ({ signal }) => requestApi<PodGuard>(pathOf(id), { signal }),
    refetchInterval: everyMs,
    staleTime: everyMs,
    enabled,
  });

export const useNodeGuard = () =>
  useQuery({ queryKey: ofNode, queryFn: ({ signal }) => requestApi<NodeGuard>('/node/guard', { signal }) });

/** Returns the mutation that sets a pod's guard thresholds; null removes them, so that the node's apply. */
export function useSetPodGuard(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (choice: GuardThresholdOverrides | null) =>
      choice === null
        ? requestApi<PodGuard>(pathOf(id), { method: 'DELETE' })
        : requestApi<PodGuard>(pathOf(id), { method: 'PUT', body: choice }),
    onSuccess: (guard) => client.setQueryData(ofPod(id), guard),
  });
}

export function useResumeGuard(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => requestApi<PodGuard>(`${pathOf(id)}/resume`, { method: 'POST' }),
    onSuccess: (guard) => client.setQueryData(ofPod(id), guard),
  });
}

export function useSetNodeGuard() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (choice: GuardThresholdOverrides) =>
      requestApi<NodeGuard>('/node/guard', { method: 'PUT', body: choice }),
    onSuccess: (guard) => client.setQueryData(ofNode, guard),
  });
}
