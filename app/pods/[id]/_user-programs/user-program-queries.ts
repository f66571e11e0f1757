'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { NewUserProgram, UserProgram } from '../../../../contract/build.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { requestApi } from '../../../_lib/api.ts';

const pathOf = (id: string) => `/pods/${encodeURIComponent(id)}/programs`;
const keyOf = (id: string) => ['pod', id, 'programs'] as const;

/** Returns the user programs of a pod, and reads them again whenever the pod is read again. */
export const useUserPrograms = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: keyOf(id),
    queryFn: async ({ signal }) => (await requestApi<{ items: UserProgram[] }>(pathOf(id), { signal })).items,
    enabled,
  });

/**
 * Returns a mutation that changes the programs on a pod's hooks and then invalidates everything cached about the pod.
 */
function useChange<Wanted, Answer>(pod: Pod, ask: (wanted: Wanted) => Promise<Answer>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ask,
    onSuccess: () =>
      Promise.all(
        [pod.id, `${pod.namespace}.${pod.name}`].map((id) =>
          client.invalidateQueries({ queryKey: ['pod', id] }),
        ),
      ),
  });
}

export const useAttachUserProgram = (pod: Pod) =>
  useChange(pod, (wanted: NewUserProgram) => requestApi<UserProgram>(pathOf(pod.id), { body: wanted }));

export const useDetachUserProgram = (pod: Pod) =>
  useChange(pod, (number: number) =>
    requestApi<unknown>(`${pathOf(pod.id)}/${number}`, { method: 'DELETE' }),
  );
