import type { ChartPoint } from './join-rates-and-cpu.ts';

/**
 * Returns the chart point nearest to a time; null if none is within `maxDistance` ms. The points are in order of time.
 */
export function findNearestPoint(
  points: readonly ChartPoint[],
  time: number,
  maxDistance: number,
): ChartPoint | null {
  const next = points.findIndex((point) => point.time >= time);
  const neighbors = next === -1 ? [points.at(-1)] : [points[next - 1], points[next]];
  let nearest: ChartPoint | null = null;
  for (const point of neighbors)
    if (
      point !== undefined &&
      (nearest === null || Math.abs(point.time - time) < Math.abs(nearest.time - time))
    )
      nearest = point;
  return nearest !== null && Math.abs(nearest.time - time) <= maxDistance ? nearest : null;
}
