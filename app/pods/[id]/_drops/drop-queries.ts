import { useQuery } from '@tanstack/react-query';
import type { PodDrops } from '../../../../contract/drops.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { requestApi } from '../../../_lib/api.ts';
import { addToRecentDropReadings, type DropReading } from './drop-rates.ts';

const everyMs = 2000;

/** Returns readings of a pod's dropped packets over the last minute; stops reading when the pod is gone. */
export const usePodDropReadings = (pod: Pod) =>
  useQuery({
    queryKey: ['pod', pod.id, 'drops'],
    queryFn: async ({ signal, client, queryKey }) => {
      const drops = await requestApi<PodDrops>(`/pods/${encodeURIComponent(pod.id)}/drops`, { signal });
      return addToRecentDropReadings(client.getQueryData<DropReading[]>(queryKey) ?? [], {
        at: Date.now(),
        drops,
      });
    },
    refetchInterval: everyMs,
    staleTime: everyMs,
    enabled: pod.state !== 'gone',
  });
