import type { Direction } from '../../../../contract/direction.ts';
import type { PodDrops } from '../../../../contract/drops.ts';

/** Drops of a pod as read at a time, ms. */
export interface DropReading {
  at: number;
  drops: PodDrops;
}

export interface DropTableRow {
  key: string;
  reason: string;
  where: Direction | 'kernel';
  packets: number;
  /** Packets per second over the readings; NaN before the second reading. */
  rate: number;
  /** Time of the last drop, ms; null for Podlane's programs. */
  lastSeen: number | null;
}

/** Time over which rates are computed. */
export const dropRateWindowMs = 60_000;

/** Adds a reading to those of the last minute. Readings of other counters, before the pod or the agent started, are removed. */
export function addDropReading(readings: readonly DropReading[], reading: DropReading): DropReading[] {
  const { since, kernel } = reading.drops;
  const kept = readings.filter(
    ({ at, drops }) =>
      at > reading.at - dropRateWindowMs && drops.since === since && drops.kernel.since === kernel.since,
  );
  return [...kept, reading];
}

/** Returns a row for each reason: those of Podlane's programs, then the kernel's, each the most frequent first. */
export function buildDropTableRows(readings: readonly DropReading[]): DropTableRow[] {
  const last = readings.at(-1);
  if (last === undefined) return [];
  const first = readings[0] ?? last;
  const seconds = (last.at - first.at) / 1000;
  const before = new Map(countsOf(first.drops).map(({ key, packets }) => [key, packets]));
  return countsOf(last.drops).map((row) => ({
    ...row,
    // A new reason had no packets before.
    rate: seconds > 0 ? Math.max(0, row.packets - (before.get(row.key) ?? 0)) / seconds : Number.NaN,
  }));
}

const countsOf = ({ ours, kernel }: PodDrops): Omit<DropTableRow, 'rate'>[] => [
  ...ours.map(({ reason, direction, packets }) => ({
    key: `${direction} ${reason}`,
    reason,
    where: direction,
    packets,
    lastSeen: null,
  })),
  ...kernel.reasons.map(({ reason, number, packets, lastSeen }) => ({
    key: `kernel ${number}`,
    reason,
    where: 'kernel' as const,
    packets,
    lastSeen: Date.parse(lastSeen),
  })),
];
