import type { DeviceKind } from '../../../../contract/device.ts';

/** What a pod did in the second that ended at `time` (ms since the epoch); rates per second. */
export interface ChartPoint {
  time: number;
  kind: DeviceKind;
  egressPackets: number;
  ingressPackets: number;
  egressBits: number;
  ingressBits: number;
  /** Packets our programs dropped, both directions, by reason in the order of `dropReasons`. */
  drops: readonly number[];
  /** Share of a core by direction's program, 0 to 1; null while nobody counts run times. */
  egressCores: number | null;
  ingressCores: number | null;
  /** ns per run of the direction's program, over the whole node. */
  nsOut: number | null;
  nsIn: number | null;
}

/** A stretch of time without samples. */
export interface Gap {
  from: number;
  to: number;
}

/** Samples come once a second; more than this apart, one is missing. */
const missing = 1750;

/** Where samples are missing between `from` and `to`, the time after the last one included. */
export function findGaps(points: readonly ChartPoint[], from: number, to: number): Gap[] {
  const gaps: Gap[] = [];
  let last: number | null = null;
  for (const { time } of points) {
    if (last !== null && time - last > missing && time > from)
      gaps.push({ from: Math.max(from, last), to: Math.min(to, time) });
    last = time;
  }
  if (last !== null && to - last > missing) gaps.push({ from: Math.max(from, last), to });
  return gaps.filter((gap) => gap.to > gap.from);
}

const mean = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
};

/**
 * Joins points so that a range has at most `most`: means of stretches of equal length that start at fixed
 * times, so that they do not change from one second to the next. A stretch never spans two kinds.
 */
export function downsample(points: readonly ChartPoint[], range: number, most: number): ChartPoint[] {
  const length = Math.ceil(range / most / 1000) * 1000;
  if (length <= 1000) return [...points];
  const stretches: ChartPoint[][] = [];
  for (const point of points) {
    const last = stretches.at(-1)?.[0];
    const joins =
      last !== undefined &&
      last.kind === point.kind &&
      Math.floor(last.time / length) === Math.floor(point.time / length);
    if (joins) stretches.at(-1)!.push(point);
    else stretches.push([point]);
  }
  return stretches.map((stretch) => {
    const of = (pick: (point: ChartPoint) => number): number => mean(stretch.map(pick)) ?? 0;
    const first = stretch[0]!;
    return {
      time: stretch.at(-1)!.time,
      kind: first.kind,
      egressPackets: of((point) => point.egressPackets),
      ingressPackets: of((point) => point.ingressPackets),
      egressBits: of((point) => point.egressBits),
      ingressBits: of((point) => point.ingressBits),
      drops: first.drops.map((_, reason) => of((point) => point.drops[reason] ?? 0)),
      egressCores: mean(stretch.map((point) => point.egressCores)),
      ingressCores: mean(stretch.map((point) => point.ingressCores)),
      nsOut: mean(stretch.map((point) => point.nsOut)),
      nsIn: mean(stretch.map((point) => point.nsIn)),
    };
  });
}

/** A row of a chart: `netkit` and `veth` hold the value of the kind that carried it, the other one null. */
export interface KindRow {
  time: number;
  netkitUp: number | null;
  vethUp: number | null;
  netkitDown: number | null;
  vethDown: number | null;
}

/**
 * Splits values by kind, so that a trace has the colour of the device that carried it. The two kinds share
 * the point of the switch; in a gap both are null, so that nothing is drawn across it.
 * @param up drawn above zero; @param down drawn above it (stacked) or, negative, below zero
 */
export function rowsByKind(
  points: readonly ChartPoint[],
  up: (point: ChartPoint) => number | null,
  down: (point: ChartPoint) => number | null,
  longestStep: number,
): KindRow[] {
  const rows: KindRow[] = [];
  let before: ChartPoint | null = null;
  for (const point of points) {
    const gap = before !== null && point.time - before.time > longestStep;
    if (gap && before !== null)
      rows.push({
        time: (before.time + point.time) / 2,
        netkitUp: null,
        vethUp: null,
        netkitDown: null,
        vethDown: null,
      });
    const switched = before !== null && !gap && before.kind !== point.kind;
    const netkit = point.kind === 'netkit' || switched;
    const veth = point.kind === 'veth' || switched;
    rows.push({
      time: point.time,
      netkitUp: netkit ? up(point) : null,
      vethUp: veth ? up(point) : null,
      netkitDown: netkit ? down(point) : null,
      vethDown: veth ? down(point) : null,
    });
    before = point;
  }
  return rows;
}

/** The point nearest to a time, or null where there is none within `reach` ms. */
export function nearestPoint(points: readonly ChartPoint[], time: number, reach: number): ChartPoint | null {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.time < time) low = middle + 1;
    else high = middle;
  }
  const candidates = [points[low - 1], points[low]].filter((point) => point !== undefined);
  let best: ChartPoint | null = null;
  for (const point of candidates)
    if (best === null || Math.abs(point.time - time) < Math.abs(best.time - time)) best = point;
  return best !== null && Math.abs(best.time - time) <= reach ? best : null;
}
