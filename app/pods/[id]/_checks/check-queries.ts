'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { PacketChecks, PodPacketChecks } from '../../../../contract/packet-checks.ts';
import { requestApi } from '../../../_lib/api.ts';

const everyMs = 2000;
const keyOf = (id: string) => ['pod', id, 'checks'] as const;
const pathOf = (id: string) => `/pods/${encodeURIComponent(id)}/checks`;

/** Returns a pod's packet checks and what it loses by them, read every two seconds. */
export const usePacketChecks = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: keyOf(id),
    queryFn: ({ signal }) => requestApi<PodPacketChecks>(pathOf(id), { signal }),
    refetchInterval: everyMs,
    staleTime: everyMs,
    enabled,
  });

/** Returns the mutation that replaces a pod's packet checks. */
export function useSetPacketChecks(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (checks: PacketChecks) =>
      requestApi<PodPacketChecks>(pathOf(id), { method: 'PUT', body: checks }),
    onSuccess: (checks) => client.setQueryData(keyOf(id), checks),
  });
}
