'use client';

import { useNow, useSampleClock } from '../../../_lib/time-series/pod-samples.ts';

/**
 * Where the charts end, ms since the epoch on the node: at the last sample. While none come it goes on by
 * this machine's clock, so that the gap grows before one's eyes. Null before the first sample.
 */
export function useChartTime(stale: boolean): number | null {
  const clock = useSampleClock();
  const now = useNow();
  if (clock === null) return null;
  return stale ? clock.time + Math.max(0, now - clock.receivedAt) : clock.time;
}
