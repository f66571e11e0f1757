import { slotToPeerIfindex, slotToPrimaryIfindex } from '../bpf/datapath-structs.ts';
import type { DeviceRecord } from '../store/records.ts';

/** Part of a device's record that its interface indexes follow from. */
export type IndexedDevice = Pick<DeviceRecord, 'slot'> & Partial<Pick<DeviceRecord, 'foreignIfindexes'>>;

/** Returns the interface index of a device's primary. */
export const getPrimaryIfindex = ({ slot, foreignIfindexes }: IndexedDevice): number =>
  foreignIfindexes?.primary ?? slotToPrimaryIfindex(slot);

/** Returns the interface index of a device's peer, in the pod's namespace. */
export const getPeerIfindex = ({ slot, foreignIfindexes }: IndexedDevice): number =>
  foreignIfindexes?.peer ?? slotToPeerIfindex(slot);

/** Tells whether others made a device: that of an adopted pod, until a migration replaces it. */
export const isForeignDevice = ({ foreignIfindexes }: IndexedDevice): boolean =>
  (foreignIfindexes ?? null) !== null;
