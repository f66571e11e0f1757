import type { DeviceKind } from '../../../../contract/device.ts';
import type { ChartPoint } from './join-rates-and-cpu.ts';

/**
 * Row of chart data with the values of the device kind that carried the packets; the values of the other kind are null.
 * At a migration both kinds have values, so that their lines meet; in a gap neither has.
 */
export interface ChartRowByKind {
  time: number;
  netkitUp: number | null;
  vethUp: number | null;
  netkitDown: number | null;
  vethDown: number | null;
}

/**
 * Splits chart values by device kind, so that a trace has the color of the device that carried the packets. Both kinds
 * share the point of a migration; in a gap both are null, so that no line crosses the gap.
 * @param up returns the value above zero
 * @param down returns the value stacked on top or, if negative, below zero
 */
export function buildRowsByKind(
  points: readonly ChartPoint[],
  up: (point: ChartPoint) => number | null,
  down: (point: ChartPoint) => number | null,
  maxDistance: number,
): ChartRowByKind[] {
  const rows: ChartRowByKind[] = [];
  let before: ChartPoint | null = null;
  for (const point of points) {
    const isGap = before !== null && point.time - before.time > maxDistance;
    if (isGap && before !== null)
      rows.push({
        time: (before.time + point.time) / 2,
        netkitUp: null,
        vethUp: null,
        netkitDown: null,
        vethDown: null,
      });
    const migrated = before !== null && !isGap && before.kind !== point.kind;
    const carries = (kind: DeviceKind): boolean => point.kind === kind || migrated;
    rows.push({
      time: point.time,
      netkitUp: carries('netkit') ? up(point) : null,
      vethUp: carries('veth') ? up(point) : null,
      netkitDown: carries('netkit') ? down(point) : null,
      vethDown: carries('veth') ? down(point) : null,
    });
    before = point;
  }
  return rows;
}

/** Returns the maximum time in ms between two points that a chart line connects; a larger distance is a gap. */
export const computeMaxConnectedDistance = (range: number): number =>
  Math.max(1750, Math.ceil(range / 300_000) * 1750);
