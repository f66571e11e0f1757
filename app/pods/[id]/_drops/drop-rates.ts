import type { Direction } from '../../../../contract/direction.ts';
import type { PodDrops } from '../../../../contract/drops.ts';

/** What the agent answered, and when, ms. */
export interface DropReading {
  at: number;
  drops: PodDrops;
}

export interface DropRow {
  key: string;
  reason: string;
  where: Direction | 'kernel';
  packets: number;
  /** A second, over what was read; NaN before the second reading. */
  rate: number;
  /** Of the kernel's: when the last one was, ms. */
  lastSeen: number | null;
}

/** How far back a rate looks. */
export const rateWindowMs = 60_000;

/** The readings of the last minute with this one; those of before the pod, or of another agent, are of no use. */
export function addDropReading(readings: readonly DropReading[], reading: DropReading): DropReading[] {
  const { since, kernel } = reading.drops;
  const kept = readings.filter(
    ({ at, drops }) =>
      at > reading.at - rateWindowMs && drops.since === since && drops.kernel.since === kernel.since,
  );
  return [...kept, reading];
}

/** One row a reason, ours before the kernel's, each the most frequent first, as they come. */
export function dropRows(readings: readonly DropReading[]): DropRow[] {
  const last = readings.at(-1);
  if (last === undefined) return [];
  const first = readings[0]!;
  const seconds = (last.at - first.at) / 1000;
  const before = new Map(countsOf(first.drops).map(({ key, packets }) => [key, packets]));
  return countsOf(last.drops).map((row) => ({
    ...row,
    // A reason that is new had no packet before.
    rate: seconds > 0 ? Math.max(0, row.packets - (before.get(row.key) ?? 0)) / seconds : Number.NaN,
  }));
}

const countsOf = ({ ours, kernel }: PodDrops): Omit<DropRow, 'rate'>[] => [
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
