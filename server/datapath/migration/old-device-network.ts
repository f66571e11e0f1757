import { listAddresses } from '../../netlink/address.ts';
import type { KernelRoute } from '../../netlink/route-message.ts';
import type { DeviceRecord } from '../../store/records.ts';
import { type CarriedProgram, readCarriedPrograms } from '../device/carried-programs.ts';
import { listMovableRoutes } from '../device/device-routes.ts';
import { getPeerIfindex, getPrimaryIfindex, type IndexedDevice } from '../device-indexes.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';

/**
 * Addresses, routes, foreign and user programs of a device, by which a migration is planned. `DeviceState` has all that
 * is carried over.
 */
export interface OldDeviceNetwork {
  /**
   * Addresses of the peer in CIDR notation, in order. Link-local addresses belong to the device and are not
   * included.
   */
  addresses: string[];
  podRoutes: KernelRoute[];
  hostRoutes: KernelRoute[];
  carriedPrograms: CarriedProgram[];
}

export async function readOldDeviceNetwork(
  kernel: KernelContext,
  pod: PodNamespace,
  device: IndexedDevice & Pick<DeviceRecord, 'hooks'>,
): Promise<OldDeviceNetwork> {
  const peer = getPeerIfindex(device);
  return {
    addresses: await listPeerAddresses(pod, peer),
    podRoutes: await listMovableRoutes(pod.socket, peer),
    hostRoutes: await listMovableRoutes(kernel.host, getPrimaryIfindex(device)),
    carriedPrograms: await readCarriedPrograms(kernel, device),
  };
}

/** Lists the addresses of the peer in the kernel's order: the preferred address of each family comes first. */
async function listPeerAddresses(pod: PodNamespace, ifindex: number): Promise<string[]> {
  const onPeer = await listAddresses(pod.socket, { ifindex });
  return onPeer.filter((each) => each.scope === 'global').map((each) => each.address);
}
