import { isIpv6Text } from '../../../contract/cidr.ts';
import type { PodNetwork } from '../../../contract/network.ts';
import { peerIfindex, primaryIfindex } from '../../bpf/slot-layout.ts';
import { listAddresses } from '../../netlink/address.ts';
import { formatRoute } from '../../netlink/iproute2-format.ts';
import { listRoutes, replaceRoute, toNewRoute } from '../../netlink/route.ts';
import { type Route, routeProtocol } from '../../netlink/route-message.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { DeviceRecord } from '../../store/records.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import { type ForeignProgram, readForeignPrograms } from './foreign-programs.ts';
import { findGatewayForDestination, listPodGateways } from './next-hops.ts';

/** Configuration of a device that a migration carries over to the new one. */
export interface DeviceNetworkState {
  /** CIDRs on the peer, in order. Link-local ones belong to the device and are not carried. */
  addresses: string[];
  podRoutes: Route[];
  hostRoutes: Route[];
  foreignPrograms: ForeignProgram[];
}

export async function readDeviceNetworkState(
  kernel: KernelContext,
  pod: PodNamespace,
  device: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Promise<DeviceNetworkState> {
  const { slot } = device;
  return {
    addresses: await listPeerAddresses(pod, slot),
    podRoutes: await listMovableRoutes(pod.socket, peerIfindex(slot)),
    hostRoutes: await listMovableRoutes(kernel.host, primaryIfindex(slot)),
    foreignPrograms: await readForeignPrograms(kernel, device),
  };
}

/** Lists the peer's addresses, the preferred one of each family first, as the kernel lists them. */
async function listPeerAddresses(pod: PodNamespace, slot: number): Promise<string[]> {
  const onPeer = await listAddresses(pod.socket, { ifindex: peerIfindex(slot) });
  return onPeer.filter((each) => each.scope === 'global').map((each) => each.address);
}

/** Lists the device's routes except the kernel's own, which come with the addresses. */
async function listMovableRoutes(socket: NetlinkSocket, ifindex: number): Promise<Route[]> {
  const found = await listRoutes(socket, { ifindex });
  return found.filter(
    (route) =>
      route.ifindex === ifindex && route.nextHops.length === 1 && route.protocol !== routeProtocol.kernel,
  );
}

/** Moves all routes of one device to another, each in one atomic replacement. Idempotent. */
export async function moveDeviceRoutes(socket: NetlinkSocket, from: number, to: number): Promise<void> {
  await restoreRoutes(socket, await listMovableRoutes(socket, from), to);
}

/** Puts these routes on a device, wherever they are now: a device that was deleted took its routes along. */
export async function restoreRoutes(
  socket: NetlinkSocket,
  wanted: readonly Route[],
  ifindex: number,
): Promise<void> {
  for (const route of wanted) await replaceRoute(socket, toNewRoute(route, ifindex));
}

/** Adds the pod's routes: default and extra routes through the gateways in the pod, and its addresses on the host. */
export async function addPodRoutes(
  kernel: KernelContext,
  pod: PodNamespace,
  slot: number,
  network: PodNetwork,
): Promise<void> {
  const ifindex = peerIfindex(slot);
  for (const gateway of listPodGateways(network))
    await replaceRoute(pod.socket, {
      destination: 'default',
      family: isIpv6Text(gateway) ? 'ipv6' : 'ipv4',
      gateway,
      onlink: !isIpv6Text(gateway),
      ifindex,
    });
  for (const { destination, metric, mtu } of network.routes)
    await replaceRoute(pod.socket, {
      destination,
      gateway: findGatewayForDestination(destination),
      onlink: !isIpv6Text(destination),
      ifindex,
      ...(metric === undefined ? {} : { metric }),
      ...(mtu === undefined ? {} : { metrics: { values: { mtu } } }),
    });
  for (const address of network.addresses)
    await replaceRoute(kernel.host, {
      destination: address,
      ifindex: primaryIfindex(slot),
      ...(isIpv6Text(address) ? {} : { scope: 'link' }),
    });
}

/** The route as `ip route` takes it, without its device. */
export const formatRouteWithoutDevice = (route: Route): string =>
  formatRoute(route, () => '').replace(/ dev (?= |$)/, '');
