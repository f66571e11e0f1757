import type { Adoption } from '../../../contract/adoption.ts';
import { isForeignIfindex } from '../../bpf/datapath-structs.ts';
import { getLink, listLinks } from '../../netlink/link.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';

/**
 * Chooses the interface indexes of the device that a released pod returns to: those that its device had, or the next free
 * ones where an interface of others has them by now.
 */
export const chooseForeignIfindexes = async (
  { host }: Pick<KernelContext, 'host'>,
  namespace: PodNamespace,
  { device }: Pick<Adoption, 'device'>,
): Promise<{ primary: number; peer: number }> => ({
  primary: await chooseFreeIndex(host, device.primary.ifindex),
  peer: await chooseFreeIndex(namespace.socket, device.peer.ifindex),
});

async function chooseFreeIndex(socket: NetlinkSocket, wanted: number): Promise<number> {
  if ((await getLink(socket, { ifindex: wanted })) === null) return wanted;
  const taken = (await listLinks(socket)).map(({ ifindex }) => ifindex).filter(isForeignIfindex);
  return Math.max(...taken) + 1;
}
