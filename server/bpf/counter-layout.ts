import {
  type DatapathCounterName,
  datapathCounters,
  dropCounters,
  dropReasons,
} from '../../contract/counters.ts';
import { counterBytes, dropBytes } from './slot-layout.ts';

/** u64 fields of struct podlane_counters (`bpf/slot-layout.h`): those that a sweep over all slots reads. */
export const sweptWidth = counterBytes / 8;
/** u64 fields of both structs of a slot. Counters of removed devices are stored as an array of this length. */
export const counterWidth = sweptWidth + dropBytes / 8;
/** PODLANE_DROP_REASONS: the room for reasons in each direction of struct podlane_drops. */
const reasonRoom = dropBytes / 8 / 2;

if (datapathCounters.length !== sweptWidth || dropReasons.length > reasonRoom)
  throw new Error('contract/counters.ts does not match bpf/slot-layout.h');

const dropIndex = dropCounters.map(({ name, direction, reason }): [DatapathCounterName, number] => [
  name,
  sweptWidth + (direction === 'egress' ? 0 : reasonRoom) + dropReasons.indexOf(reason),
]);

/**
 * Index of each counter among the `counterWidth` values of a slot: struct podlane_counters, then struct podlane_drops.
 * Reasons that are not in use yet have a place whose value is 0, so an index never changes.
 */
export const counterIndex = Object.fromEntries([
  ...datapathCounters.map(({ name }, index) => [name, index] as const),
  ...dropIndex,
]) as Readonly<Record<DatapathCounterName, number>>;

/** Counters of a slot that has counted nothing. */
export const zeroCounters = (): bigint[] => Array<bigint>(counterWidth).fill(0n);
