import type { Direction } from '../../../../contract/direction.ts';
import type { PodDrops } from '../../../../contract/drops.ts';

/** Dropped packets of a pod, read at a time given in ms. */
export interface DropReading {
  at: number;
  drops: PodDrops;
}

export interface DropTableRow {
  key: string;
  reason: string;
  where: Direction | 'kernel';
  packets: number;
  /** Dropped packets per second over the readings; NaN before the second reading. */
  rate: number;
  /** Time of the last drop, ms; null for drops by Podlane's programs. */
  lastSeen: number | null;
}

/** Time over which drop rates are computed, ms. */
export const dropRateWindowMs = 60_000;

/**
 * Adds a reading to those of the last minute. Removes readings from before a restart of the pod's or the agent's
 * counters.
 */
export function addToRecentDropReadings(
  readings: readonly DropReading[],
  reading: DropReading,
): DropReading[] {
  const { since, kernel } = reading.drops;
  const kept = readings.filter(
    ({ at, drops }) =>
      at > reading.at - dropRateWindowMs && drops.since === since && drops.kernel.since === kernel.since,
  );
  return [...kept, reading];
}

/**
 * Returns a table row for each drop reason: those of Podlane's programs, then the kernel's, each sorted by frequency.
 */
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
