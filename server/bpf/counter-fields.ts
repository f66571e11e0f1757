import { dropReasons } from '../../contract/sample.ts';

/** Room for reasons in `bpf/podlane.h`. */
const reasonRoom = 8;

const reasonFields = (direction: 'Out' | 'In'): string[] =>
  Array.from({ length: reasonRoom }, (_, i) => `dropped${direction}.${dropReasons[i] ?? `reserved${i}`}`);

/**
 * The 24 u64 of struct podlane_counters by name, in its order; `CarriedCounters` are kept in this order.
 * Reserved ones are zero: a field that gets a name later keeps its place.
 */
export const counterFields: readonly string[] = [
  'packetsOut',
  'bytesOut',
  'packetsIn',
  'bytesIn',
  'redirectedPacketsOut',
  'redirectedBytesOut',
  'droppedPacketsOut',
  'droppedPacketsIn',
  ...reasonFields('Out'),
  ...reasonFields('In'),
];

/** How many of them, from the first, a sweep reads: one cache line a CPU. */
export const sweptFields = 8;

/** Places among `counterFields`. */
export const field = {
  packetsOut: 0,
  bytesOut: 1,
  packetsIn: 2,
  bytesIn: 3,
  redirectedPacketsOut: 4,
  redirectedBytesOut: 5,
  droppedPacketsOut: 6,
  droppedPacketsIn: 7,
  /** The first reason's; the others follow. */
  droppedOut: 8,
  droppedIn: 16,
} as const;

export const noCounters = (): bigint[] => Array<bigint>(counterFields.length).fill(0n);
