import { useQuery } from '@tanstack/react-query';
import type { PodConnectionTable } from '../../../../contract/connection-table.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { requestApi } from '../../../_lib/api.ts';
import { formatConnectionsLost, formatConnectionUse } from './text.ts';

const everyMs = 5000;

/** Shows how many connections of the pod the access rules track, of how many it may have, and which had no room. */
export function ConnectionUse({ pod }: { pod: Pod }) {
  const { data } = useQuery({
    queryKey: ['pod', pod.id, 'connection-table'],
    queryFn: ({ signal }) =>
      requestApi<PodConnectionTable>(`/pods/${encodeURIComponent(pod.id)}/connection-table`, { signal }),
    refetchInterval: everyMs,
    staleTime: everyMs,
    enabled: pod.state !== 'gone',
  });
  if (data === undefined) return null;
  const lost = formatConnectionsLost(data);
  return (
    <p className="flex items-start gap-1.5 pt-1 text-12 text-muted">
      {lost !== null && <WarningIcon />}
      <span className="min-w-0">
        {formatConnectionUse(data)}
        {lost !== null && <span className="text-ink-2"> {lost}</span>}
      </span>
    </p>
  );
}
