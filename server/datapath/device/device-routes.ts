import { isIpv6Text } from '../../../contract/cidr.ts';
import type { PodNetwork } from '../../../contract/pod-network.ts';
import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { buildRouteRequest, listRoutes, replaceRoute, toNewRoute } from '../../netlink/route.ts';
import { type KernelRoute, routeProtocols } from '../../netlink/route-message.ts';
import type { NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import { findGatewayForDestination, listPodGateways } from './pod-gateways.ts';

/** Lists the routes of a device, except those that the kernel adds with an address. */
export async function listMovableRoutes(socket: NetlinkSocket, ifindex: number): Promise<KernelRoute[]> {
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
  for (const request of buildPodRouteRequests(slot, network)) await pod.socket.request(request);
  for (const request of buildHostRouteRequests(slot, network.addresses)) await kernel.host.request(request);
}

/** Builds the requests for the routes in the pod: default routes, and those that the pod asked for. */
export function buildPodRouteRequests(slot: number, network: PodNetwork): NetlinkRequest[] {
  const ifindex = slotToPeerIfindex(slot);
  return [
    ...listPodGateways(network).map((gateway) =>
      buildRouteRequest('replace', {
        destination: 'default',
        family: isIpv6Text(gateway) ? 'ipv6' : 'ipv4',
        gateway,
        onlink: !isIpv6Text(gateway),
        ifindex,
      }),
    ),
    ...network.routes.map(({ destination, metric, mtu }) =>
      buildRouteRequest('replace', {
        destination,
        gateway: findGatewayForDestination(destination),
        onlink: !isIpv6Text(destination),
        ifindex,
        ...(metric === undefined ? {} : { metric }),
        ...(mtu === undefined ? {} : { metrics: { values: { mtu } } }),
      }),
    ),
  ];
}

/** Builds the requests for the host's routes to the pod. */
export const buildHostRouteRequests = (slot: number, addresses: readonly string[]): NetlinkRequest[] =>
  addresses.map((address) =>
    buildRouteRequest('replace', {
      destination: address,
      ifindex: slotToPrimaryIfindex(slot),
      ...(isIpv6Text(address) ? {} : { scope: 'link' as const }),
    }),
  );
