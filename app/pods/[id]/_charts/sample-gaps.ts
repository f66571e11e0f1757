import type { ChartPoint } from './join-rates-and-cpu.ts';

/** Time interval without samples, ms since the epoch. */
export interface SampleGap {
  from: number;
  to: number;
}

/**
 * Largest distance in ms between two consecutive samples; a larger one means that a sample is missing, because samples
 * arrive once a second.
 */
const maxSampleDistanceMs = 1750;

/**
 * Returns the intervals between `from` and `to` in which samples are missing, including the time after the last
 * sample.
 */
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
