import { dropReasons } from '../../contract/sample.ts';

/** Room for reasons in `bpf/slot-layout.h`. */
const reasonRoom = 8;

const reasonFields = (direction: 'Out' | 'In'): string[] =>
  Array.from({ length: reasonRoom }, (_, i) => `dropped${direction}.${dropReasons[i] ?? `reserved${i}`}`);

/**
 * The 8 u64 of struct podlane_counters and the 16 of struct podlane_drops by name, in their order, in which
 * `CarriedCounters` are kept. Reserved ones are zero: a field that gets a name later keeps its place.
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

/** How many of them, from the first, a sweep reads: struct podlane_counters. */
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
