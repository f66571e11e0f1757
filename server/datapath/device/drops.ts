import { peerIfindex, primaryIfindex } from '../../bpf/layout.ts';
import { getLink, type Link } from '../../netlink/link.ts';
import type { Ground } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';

/** Packets dropped by both ends of the devices on `slots`, in both directions, since they were made. */
export async function deviceDrops(
  ground: Ground,
  namespace: PodNamespace,
  slots: readonly number[],
): Promise<number> {
  let sum = 0;
  for (const slot of slots) {
    sum += droppedBy(await getLink(ground.host, { ifindex: primaryIfindex(slot) }, { stats: true }));
    sum += droppedBy(await getLink(namespace.socket, { ifindex: peerIfindex(slot) }, { stats: true }));
  }
  return sum;
}

const droppedBy = (link: Link | null): number =>
  link?.stats ? link.stats.receive.dropped + link.stats.transmit.dropped : 0;
