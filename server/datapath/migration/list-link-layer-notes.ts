import type { DeviceKind } from '../../../contract/device.ts';
import type { MigrationCheck } from '../../../contract/migration.ts';
import type { PodRecord } from '../../store/records.ts';
import { type DeviceState, hasLinkLayerAddresses } from '../network-state/end-state.ts';
import { listOwnNeighbors } from './own-neighbors.ts';

/**
 * Lists what a migration changes between a device with link-layer addresses and one without, netkit in L3 mode: that
 * device has no MAC addresses, so Podlane gives it no neighbor entries. Empty if both have them, or neither.
 */
export function listLinkLayerNotes(pod: PodRecord, state: DeviceState, to: DeviceKind): MigrationCheck[] {
  const had = hasLinkLayerAddresses(state.pod);
  const has = !(to === 'netkit' && pod.network.netkit.mode === 'l3');
  if (had === has) return [];
  const neighbors = [...new Set(listOwnNeighbors(pod, state.pod))].join(', ');
  return [
    {
      topic: 'link layer',
      state: 'note',
      code: null,
      name: has ? 'New device has link-layer addresses' : 'New device has no link-layer addresses',
      detail: has
        ? `both ends get MAC addresses, and permanent neighbor entries of Podlane for ${neighbors}`
        : `netkit in L3 mode needs no MAC addresses: Podlane’s neighbor entries for ${neighbors} go with the old device`,
    },
  ];
}
