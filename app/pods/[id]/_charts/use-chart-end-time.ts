'use client';

import { useLastSampleFrameTiming } from '../../../_lib/time-series/use-time-series.ts';
import { useCurrentTime } from '../../../_lib/use-current-time.ts';

/**
 * Returns the time at which the charts end, ms since the epoch on the node: the time of the last sample. While no
 * samples arrive, the time advances by the browser's clock, so that the gap visibly grows. Null before the first
 * sample.
 */
export function useChartEndTime(stale: boolean): number | null {
  const clock = useLastSampleFrameTiming();
  const now = useCurrentTime();
  if (clock === null) return null;
  return stale ? clock.time + Math.max(0, now - clock.receivedAt) : clock.time;
}
