import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { getLink } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';

/**
 * Sums the packets that both ends of the devices on `slots` have dropped, in both directions, since the devices were
 * created.
 */
export async function readDeviceDrops(
  kernel: KernelContext,
  namespace: PodNamespace,
  slots: readonly number[],
): Promise<number> {
  let sum = 0;
  for (const slot of slots) {
    sum += droppedBy(await getLink(kernel.host, { ifindex: slotToPrimaryIfindex(slot) }, { stats: true }));
    sum += droppedBy(await getLink(namespace.socket, { ifindex: slotToPeerIfindex(slot) }, { stats: true }));
  }
  return sum;
}

const droppedBy = (link: NetworkLink | null): number =>
  link?.stats ? link.stats.receive.dropped + link.stats.transmit.dropped : 0;
