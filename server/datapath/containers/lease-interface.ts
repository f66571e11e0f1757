import { randomBytes } from 'node:crypto';
import { openNetworkNamespace } from '../../kernel/netns.ts';
import { deleteLink, getLink, setLink } from '../../netlink/link.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { addVeth } from '../../netlink/veth.ts';
import type { KernelContext } from '../kernel-context.ts';

/** MACs of both ends of a container's device, which a lease is bound to. */
export interface LeaseMacs {
  primary: string;
  peer: string;
}

/**
 * Runs `work` while a container's namespace has an interface without addresses, over which an IPAM plugin asks a DHCP server
 * for a lease. The pod's own device takes its name and its MAC afterwards. No process is in the container yet.
 */
export async function withLeaseInterface<T>(
  { host }: KernelContext,
  netns: string,
  name: string,
  mac: string | null,
  work: (macs: LeaseMacs) => Promise<T>,
): Promise<T> {
  const macs = { primary: randomMac(), peer: mac ?? randomMac() };
  const primaryName = `pd${randomBytes(4).toString('hex')}`;
  using namespace = openNetworkNamespace(netns);
  using socket = NetlinkSocket.inNamespace(namespace.fd);
  await addVeth(host, {
    primary: { name: primaryName, mac: macs.primary },
    peer: { name, mac: macs.peer, netnsFd: namespace.fd },
  });
  const primary = await getLink(host, { name: primaryName });
  try {
    const peer = await getLink(socket, { name });
    if (primary === null || peer === null) throw new Error(`${primaryName} was deleted by another process`);
    await setLink(socket, peer.ifindex, { up: true });
    await setLink(host, primary.ifindex, { up: true });
    return await work(macs);
  } finally {
    if (primary !== null) await deleteLink(host, primary.ifindex);
  }
}

/** Returns a random MAC address, locally administered and of one interface. */
const randomMac = (): string =>
  ['02', ...Array.from(randomBytes(5), (byte) => byte.toString(16).padStart(2, '0'))].join(':');
