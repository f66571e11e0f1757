import { replaceNeighbor } from '../../netlink/neighbor.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import { stripPrefixLength } from '../device/pod-gateways.ts';
import { getPeerIfindex, getPrimaryIfindex } from '../device-indexes.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';

/**
 * Tells both ends of an adopted pod's new device each other's MACs, as if they had asked: coming from a device without
 * link-layer addresses they know none, and the first packets would wait for answers. The entries age like others that were
 * learned.
 * @param gateways next hops of the pod's routes
 */
export async function addLearnedNeighbors(
  { host }: Pick<KernelContext, 'host'>,
  namespace: PodNamespace,
  { network, adoption }: PodRecord,
  device: DeviceRecord,
  gateways: readonly string[],
): Promise<void> {
  const { primaryMac, peerMac } = device;
  // On a bridge the pod's neighbors are others.
  if (primaryMac === null || peerMac === null || adoption?.form !== 'routed') return;
  const state = 'reachable';
  for (const address of network.addresses.map(stripPrefixLength))
    await replaceNeighbor(host, { ifindex: getPrimaryIfindex(device), address, mac: peerMac, state });
  for (const address of new Set(gateways))
    await replaceNeighbor(namespace.socket, {
      ifindex: getPeerIfindex(device),
      address,
      mac: primaryMac,
      state,
    });
}
