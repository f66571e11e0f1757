import type { NetworkLink } from '../../netlink/link-message.ts';
import { writeSlotEntry } from '../device/podlane-programs.ts';
import type { Drift, DriftContext } from './drift.ts';

/**
 * Compares the MACs of an adopted pod's device with its record. They are its runtime's, so that Podlane's record follows
 * them, and nothing else of the device is set back: addresses, routes, names and settings are those of others.
 */
export function detectAdoptedDeviceDrift(
  { context, pod, device }: DriftContext,
  primary: NetworkLink,
  peer: NetworkLink,
): Drift[] {
  const [primaryMac, peerMac] = [primary.mac, peer.mac];
  if (device.primaryMac === null || device.peerMac === null || primaryMac === null || peerMac === null)
    return [];
  if (primaryMac === device.primaryMac && peerMac === device.peerMac) return [];
  return [
    {
      key: 'macs',
      reason: 'mac_changed',
      message: `the MACs of ${primary.name} and of ${peer.name} in the pod were ${device.primaryMac} and ${device.peerMac}, and are ${primaryMac} and ${peerMac}`,
      repaired: 'Podlane’s record follows them',
      repair: async () => {
        await context.store.saveDeviceMacs(device.id, { primaryMac, peerMac });
        Object.assign(device, { primaryMac, peerMac });
        writeSlotEntry(context.kernel, pod.record, device);
      },
      remedy: `See: ip monitor link dev ${primary.name}`,
    },
  ];
}
