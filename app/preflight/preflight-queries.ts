'use client';

import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { PodPreflight, Preflight } from '../../contract/preflight.ts';
import { requestApi } from '../_lib/api.ts';
import { parseLabels } from './preflight-filter.ts';

/** Pods that are looked at: those that are named, those with all labels of the selector, or all. */
export interface PreflightSelection {
  pods: readonly string[];
  /** `name=value,name=value`; empty for none. */
  selector: string;
}

const key = ({ pods, selector }: PreflightSelection) => ['preflight', selector, pods.join(' ')] as const;

/**
 * Looks at the node and its pods. One request looks for some seconds only: it is repeated until every pod was reached, and
 * what was found so far is shown meanwhile.
 */
export function usePreflight(selection: PreflightSelection) {
  const client = useQueryClient();
  const { pods, selector } = selection;
  return useQuery({
    queryKey: key(selection),
    queryFn: async ({ signal }) => {
      const wanted =
        pods.length > 0 ? { pods } : selector !== '' ? { selector: parseLabels(selector) } : { all: true };
      let since: string | undefined;
      for (;;) {
        const found: Preflight = await requestApi('/preflight', { body: { ...wanted, since }, signal });
        if (found.remaining === 0) return found;
        since = found.since;
        client.setQueryData(key(selection), found);
      }
    },
    staleTime: 60_000,
    refetchOnWindowFocus: false,
    retry: false,
  });
}

/** Looks at one pod anew, with everything that was looked at. */
export const usePodPreflight = (pod: string) =>
  useQuery({
    queryKey: ['pod-preflight', pod],
    queryFn: ({ signal }) =>
      requestApi<PodPreflight>(`/pods/${encodeURIComponent(pod)}/preflight`, { signal }),
    staleTime: 0,
    refetchOnWindowFocus: false,
    retry: false,
  });
