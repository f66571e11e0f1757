import type { ChartPoint } from './chart-points.ts';

/** A stretch of time without samples, ms since the epoch. */
export interface SampleGap {
  from: number;
  to: number;
}

/** Samples come once a second; if two are further apart, one is missing between them. */
const maxSampleDistanceMs = 1750;

/** Returns where samples are missing between `from` and `to`, including the time after the last one. */
export function findSampleGaps(points: readonly ChartPoint[], from: number, to: number): SampleGap[] {
  const gaps: SampleGap[] = [];
  let last: number | null = null;
  for (const { time } of points) {
    if (last !== null && time - last > maxSampleDistanceMs && time > from)
      gaps.push({ from: Math.max(from, last), to: Math.min(to, time) });
    last = time;
  }
  if (last !== null && to - last > maxSampleDistanceMs) gaps.push({ from: Math.max(from, last), to });
  return gaps.filter((gap) => gap.to > gap.from);
}
