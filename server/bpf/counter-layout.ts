import {
  type DatapathCounterName,
  datapathCounterDefinitions,
  dropCounterDefinitions,
  dropReasons,
} from '../../contract/counter-table.ts';
import { dropCountersSize, slotCountersSize } from './datapath-structs.ts';

/** Number of u64 counters in struct podlane_counters (`bpf/slot-layout.h`), which a sweep reads for every slot. */
export const sweptCounterCount = slotCountersSize / 8;
/**
 * Number of u64 counters of a slot in both structs; counters of removed devices are stored as an array of this
 * length.
 */
export const slotCounterCount = sweptCounterCount + dropCountersSize / 8;
/** PODLANE_DROP_REASONS: maximum number of drop reasons per direction in struct podlane_drops. */
const reasonRoom = dropCountersSize / 8 / 2;

if (datapathCounterDefinitions.length !== sweptCounterCount || dropReasons.length > reasonRoom)
  throw new Error('contract/counter-table.ts does not match bpf/slot-layout.h');

const dropIndex = dropCounterDefinitions.map(({ name, direction, reason }): [DatapathCounterName, number] => [
  name,
  sweptCounterCount + (direction === 'egress' ? 0 : reasonRoom) + dropReasons.indexOf(reason),
]);

/**
 * Index of each counter among the `slotCounterCount` values of a slot: struct podlane_counters, then struct podlane_drops.
 * Reasons that are not in use yet have a place whose value is 0, so an index never changes.
 */
export const counterIndexByName = Object.fromEntries([
  ...datapathCounterDefinitions.map(({ name }, index) => [name, index] as const),
  ...dropIndex,
]) as Readonly<Record<DatapathCounterName, number>>;

/** Returns the counters of an unused slot, which are all zero. */
export const createZeroSlotCounters = (): bigint[] => Array<bigint>(slotCounterCount).fill(0n);
