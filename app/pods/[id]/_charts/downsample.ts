import type { ChartPoint } from './join-rates-and-cpu.ts';

/**
 * Reduces points to at most `maxPoints` per time range by averaging over intervals of equal length. The intervals
 * start at fixed times, so that their means do not change from second to second, and never span two device kinds.
 */
export function downsampleChartPoints(
  points: readonly ChartPoint[],
  range: number,
  maxPoints: number,
): ChartPoint[] {
  const length = Math.ceil(range / maxPoints / 1000) * 1000;
  if (length <= 1000) return [...points];
  const stretches: [ChartPoint, ...ChartPoint[]][] = [];
  for (const point of points) {
    const stretch = stretches.at(-1);
    const joins =
      stretch !== undefined &&
      stretch[0].kind === point.kind &&
      Math.floor(stretch[0].time / length) === Math.floor(point.time / length);
    if (joins) stretch.push(point);
    else stretches.push([point]);
  }
  return stretches.map(meanPoint);
}

function meanPoint(stretch: readonly [ChartPoint, ...ChartPoint[]]): ChartPoint {
  const [first] = stretch;
  const meanOf = (pick: (point: ChartPoint) => number): number => mean(stretch.map(pick)) ?? 0;
  return {
    time: (stretch.at(-1) ?? first).time,
    kind: first.kind,
    egressPackets: meanOf((point) => point.egressPackets),
    ingressPackets: meanOf((point) => point.ingressPackets),
    egressBits: meanOf((point) => point.egressBits),
    ingressBits: meanOf((point) => point.ingressBits),
    drops: first.drops.map((_, reason) => meanOf((point) => point.drops[reason] ?? 0)),
    egressCores: mean(stretch.map((point) => point.egressCores)),
    ingressCores: mean(stretch.map((point) => point.ingressCores)),
    egressNsPerRun: mean(stretch.map((point) => point.egressNsPerRun)),
    ingressNsPerRun: mean(stretch.map((point) => point.ingressNsPerRun)),
  };
}

/** Returns the mean of the values that are not null; null if all are. */
function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
