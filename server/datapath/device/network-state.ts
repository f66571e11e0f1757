import { isIpv6Text } from '../../../contract/cidr.ts';
import type { PodNetwork } from '../../../contract/network.ts';
import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { listAddresses } from '../../netlink/address.ts';
import { formatRoute } from '../../netlink/iproute2-format.ts';
import { listRoutes, replaceRoute, toNewRoute } from '../../netlink/route.ts';
import { type KernelRoute, routeProtocols } from '../../netlink/route-message.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { DeviceRecord } from '../../store/records.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import { type ForeignProgram, readForeignPrograms } from './foreign-programs.ts';
import { findGatewayForDestination, listPodGateways } from './next-hops.ts';

/** Addresses, routes and foreign programs of a device, which a migration carries over to the new device. */
export interface DeviceNetworkState {
  /**
   * Addresses of the peer in CIDR notation, in order. Link-local addresses belong to the device and are not
   * included.
   */
  addresses: string[];
  podRoutes: KernelRoute[];
  hostRoutes: KernelRoute[];
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
    podRoutes: await listMovableRoutes(pod.socket, slotToPeerIfindex(slot)),
    hostRoutes: await listMovableRoutes(kernel.host, slotToPrimaryIfindex(slot)),
    foreignPrograms: await readForeignPrograms(kernel, device),
  };
}

/** Lists the addresses of the peer in the kernel's order: the preferred address of each family comes first. */
async function listPeerAddresses(pod: PodNamespace, slot: number): Promise<string[]> {
  const onPeer = await listAddresses(pod.socket, { ifindex: slotToPeerIfindex(slot) });
  return onPeer.filter((each) => each.scope === 'global').map((each) => each.address);
}

/** Lists the routes of a device, except those that the kernel adds with an address. */
async function listMovableRoutes(socket: NetlinkSocket, ifindex: number): Promise<KernelRoute[]> {
  const found = await listRoutes(socket, { ifindex });
  return found.filter(
    (route) =>
      route.ifindex === ifindex && route.nextHops.length === 1 && route.protocol !== routeProtocols.kernel,
  );
}

/** Moves all routes from one device to another; each route is replaced atomically. Idempotent. */
export async function moveDeviceRoutes(socket: NetlinkSocket, from: number, to: number): Promise<void> {
  await restoreRoutes(socket, await listMovableRoutes(socket, from), to);
}

/**
 * Restores routes on a device after another device was deleted, because the kernel deletes a device's routes with
 * it.
 */
export async function restoreRoutes(
  socket: NetlinkSocket,
  wanted: readonly KernelRoute[],
  ifindex: number,
): Promise<void> {
  for (const route of wanted) await replaceRoute(socket, toNewRoute(route, ifindex));
}

/**
 * Adds the pod's routes: in the pod, the default and extra routes through the gateways; on the host, the pod's
 * addresses.
 */
export async function addPodRoutes(
  kernel: KernelContext,
  pod: PodNamespace,
  slot: number,
  network: PodNetwork,
): Promise<void> {
  const ifindex = slotToPeerIfindex(slot);
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
      ifindex: slotToPrimaryIfindex(slot),
      ...(isIpv6Text(address) ? {} : { scope: 'link' }),
    });
}

/** Formats a route in the syntax of `ip route`, without the `dev` argument. */
export const formatRouteWithoutDevice = (route: KernelRoute): string =>
  formatRoute(route, () => '').replace(/ dev (?= |$)/, '');
