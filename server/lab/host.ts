import { writeFileSync } from 'node:fs';
import {
  createNamedNamespace,
  currentNamespace,
  deleteNamedNamespace,
  openNamespace,
  withNamespace,
} from '../kernel/netns.ts';
import { addAddress } from '../netlink/address.ts';
import { getLink, setLink } from '../netlink/link.ts';
import { addRoute } from '../netlink/route.ts';
import { RtnetlinkSocket } from '../netlink/socket.ts';
import { addVeth } from '../netlink/veth.ts';
import { hostNetns, netnsOf, outside, podNetwork } from './names.ts';

const mtu = 1500;

/**
 * Makes what stands for the node: its host namespace, set to forward, and an uplink to a namespace outside.
 * @param own a namespace of the lab's own; else the one this process is in (the guest's)
 */
export async function makeHost(lab: string, { own }: { own: boolean }): Promise<void> {
  if (own) await upLoopback(createNamedNamespace(hostNetns(lab)));
  using host = own ? openNamespace(`/run/netns/${hostNetns(lab)}`) : currentNamespace();
  const outsidePath = createNamedNamespace(netnsOf(lab, outside.app));
  await upLoopback(outsidePath);
  setForwarding(host.fd);

  using far = openNamespace(outsidePath);
  using near = RtnetlinkSocket.inNamespace(host.fd);
  await addVeth(near, { primary: { name: 'uplink0', mtu }, peer: { name: 'eth0', mtu, netnsFd: far.fd } });
  using beyond = RtnetlinkSocket.inNamespace(far.fd);
  const ends = [
    {
      socket: near,
      name: 'uplink0',
      address: outside.node,
      destination: 'default',
      gateway: outside.address,
    },
    {
      socket: beyond,
      name: 'eth0',
      address: outside.address,
      destination: podNetwork,
      gateway: outside.node,
    },
  ];
  for (const { socket, name, address } of ends) {
    const { ifindex } = (await getLink(socket, { name }))!;
    await addAddress(socket, ifindex, `${address}/${outside.prefix}`);
    await setLink(socket, ifindex, { up: true });
  }
  for (const { socket, name, destination, gateway } of ends) {
    const { ifindex } = (await getLink(socket, { name }))!;
    await addRoute(socket, { destination, gateway, ifindex });
  }
}

/** Removes what `makeHost` makes, also what an earlier lab of this name left behind. */
export function removeHost(lab: string): void {
  deleteNamedNamespace(netnsOf(lab, outside.app));
  deleteNamedNamespace(hostNetns(lab));
}

/** Ups the loopback of a new namespace; its index there is 1 always. */
export async function upLoopback(path: string): Promise<void> {
  using socket = RtnetlinkSocket.inNamespace(path);
  await setLink(socket, 1, { up: true });
}

/** /proc/sys/net shows the namespace of the thread that opens it. */
function setForwarding(fd: number) {
  withNamespace(fd, () => {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    for (const scope of ['all', 'default']) writeFileSync(`/proc/sys/net/ipv4/conf/${scope}/rp_filter`, '0');
  });
}
