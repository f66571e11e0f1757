import { writeFileSync } from 'node:fs';
import {
  createNamedNamespace,
  deleteNamedNamespace,
  openCurrentNamespace,
  openNetworkNamespace,
} from '../kernel/netns.ts';
import { addAddress } from '../netlink/address.ts';
import { getLink, setLink } from '../netlink/link.ts';
import { addRoute } from '../netlink/route.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { addVeth } from '../netlink/veth.ts';
import { formatLabHostNetnsName, formatLabNetnsName, labOutsideService, labPodCidr } from './lab-topology.ts';

const mtu = 1500;

/**
 * Creates the lab's node: a host namespace that forwards packets, with an uplink to a namespace outside.
 * @param own true creates a host namespace; false uses the one of this process (in a guest)
 */
export async function createLabHost(lab: string, { own }: { own: boolean }): Promise<void> {
  if (own) await setLoopbackUp(createNamedNamespace(formatLabHostNetnsName(lab)));
  using host = own
    ? openNetworkNamespace(`/run/netns/${formatLabHostNetnsName(lab)}`)
    : openCurrentNamespace();
  const outsidePath = createNamedNamespace(formatLabNetnsName(lab, labOutsideService.app));
  await setLoopbackUp(outsidePath);
  setForwarding(host.fd);

  await connectOutside(host.fd, outsidePath);
}

/**
 * Connects a node to the namespace outside: an uplink `uplink0` with the default route, whose far end routes the lab's pods
 * to the node.
 * @param host descriptor of the node's network namespace
 */
export async function connectOutside(host: number, outsidePath: string): Promise<void> {
  using far = openNetworkNamespace(outsidePath);
  using near = NetlinkSocket.inNamespace(host);
  await addVeth(near, { primary: { name: 'uplink0', mtu }, peer: { name: 'eth0', mtu, netnsFd: far.fd } });
  using beyond = NetlinkSocket.inNamespace(far.fd);
  const ends = [
    {
      socket: near,
      name: 'uplink0',
      address: labOutsideService.node,
      destination: 'default',
      gateway: labOutsideService.address,
    },
    {
      socket: beyond,
      name: 'eth0',
      address: labOutsideService.address,
      destination: labPodCidr,
      gateway: labOutsideService.node,
    },
  ];
  for (const { socket, name, address } of ends) {
    const ifindex = await ifindexOf(socket, name);
    await addAddress(socket, ifindex, `${address}/${labOutsideService.prefix}`);
    await setLink(socket, ifindex, { up: true });
  }
  for (const { socket, name, destination, gateway } of ends) {
    const ifindex = await ifindexOf(socket, name);
    await addRoute(socket, { destination, gateway, ifindex });
  }
}

async function ifindexOf(socket: NetlinkSocket, name: string): Promise<number> {
  const link = await getLink(socket, { name });
  if (link === null) throw new Error(`no interface ${name}`);
  return link.ifindex;
}

/** Removes everything that `createLabHost` creates, including remains of an earlier lab with the same name. */
export function removeLabHost(lab: string): void {
  deleteNamedNamespace(formatLabNetnsName(lab, labOutsideService.app));
  deleteNamedNamespace(formatLabHostNetnsName(lab));
}

/** Sets up the loopback interface of a new namespace; its ifindex is always 1. */
export async function setLoopbackUp(path: string): Promise<void> {
  using socket = NetlinkSocket.inNamespace(path);
  await setLink(socket, 1, { up: true });
}

/**
 * Enables IP forwarding in a namespace. The thread enters the namespace, because /proc/sys/net shows the opener's
 * namespace.
 */
function setForwarding(fd: number) {
  runInNetworkNamespace(fd, () => {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    for (const scope of ['all', 'default']) writeFileSync(`/proc/sys/net/ipv4/conf/${scope}/rp_filter`, '0');
  });
}
