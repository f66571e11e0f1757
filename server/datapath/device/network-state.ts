import { isIpv6, type PodNetwork } from '../../../contract/network.ts';
import { peerIfindex, primaryIfindex } from '../../bpf/layout.ts';
import { addresses } from '../../netlink/address.ts';
import { newRouteOf, type Route, replaceRoute, routeProtocol, routes } from '../../netlink/route.ts';
import type { RtnetlinkSocket } from '../../netlink/socket.ts';
import { routeText } from '../../netlink/text.ts';
import type { Ground } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import type { DeviceRecord } from '../store.ts';
import { type Stranger, strangersOn } from './foreign-programs.ts';
import { gatewayOf, gatewaysOf } from './next-hops.ts';

/** What stands on a device and has to stand on its successor. */
export interface Footing {
  /** CIDR, on the peer, in their order; link-local ones belong to the device and stay behind */
  addresses: string[];
  podRoutes: Route[];
  hostRoutes: Route[];
  /** programs of others on its hooks */
  strangers: Stranger[];
}

export async function readFooting(
  ground: Ground,
  pod: PodNamespace,
  device: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Promise<Footing> {
  const { slot } = device;
  return {
    addresses: await addressesOn(pod, slot),
    podRoutes: await movableRoutes(pod.socket, peerIfindex(slot)),
    hostRoutes: await movableRoutes(ground.host, primaryIfindex(slot)),
    strangers: await strangersOn(ground, device),
  };
}

/** The kernel lists the IPv4 address it prefers first, and the IPv6 one: added last, listed first. */
async function addressesOn(pod: PodNamespace, slot: number): Promise<string[]> {
  const onPeer = await addresses(pod.socket, { ifindex: peerIfindex(slot) });
  return onPeer.filter((each) => each.scope === 'global').map((each) => each.address);
}

/** Routes that somebody put on the device; the kernel's own come with the addresses. */
async function movableRoutes(socket: RtnetlinkSocket, ifindex: number): Promise<Route[]> {
  const found = await routes(socket, { ifindex });
  return found.filter(
    (route) =>
      route.ifindex === ifindex && route.nextHops.length === 1 && route.protocol !== routeProtocol.kernel,
  );
}

/** Moves every route of one device to another, each in one replacement. Those moved already are left. */
export async function moveRoutes(socket: RtnetlinkSocket, from: number, to: number): Promise<void> {
  await putRoutes(socket, await movableRoutes(socket, from), to);
}

/** Puts these routes on a device, wherever they are now: a device that was deleted took its routes along. */
export async function putRoutes(
  socket: RtnetlinkSocket,
  wanted: readonly Route[],
  ifindex: number,
): Promise<void> {
  for (const route of wanted) await replaceRoute(socket, newRouteOf(route, ifindex));
}

/** A pod's own routes: everything through the gateways that nobody has, and its addresses from the host. */
export async function routePod(
  ground: Ground,
  pod: PodNamespace,
  slot: number,
  network: PodNetwork,
): Promise<void> {
  const ifindex = peerIfindex(slot);
  for (const gateway of gatewaysOf(network))
    await replaceRoute(pod.socket, {
      destination: 'default',
      family: isIpv6(gateway) ? 'ipv6' : 'ipv4',
      gateway,
      onlink: !isIpv6(gateway),
      ifindex,
    });
  for (const { destination, metric, mtu } of network.routes)
    await replaceRoute(pod.socket, {
      destination,
      gateway: gatewayOf(destination),
      onlink: !isIpv6(destination),
      ifindex,
      ...(metric === undefined ? {} : { metric }),
      ...(mtu === undefined ? {} : { metrics: { values: { mtu } } }),
    });
  for (const address of network.addresses)
    await replaceRoute(ground.host, {
      destination: address,
      ifindex: primaryIfindex(slot),
      ...(isIpv6(address) ? {} : { scope: 'link' }),
    });
}

/** The route as `ip route` takes it, without its device. */
export const deviceless = (route: Route): string => routeText(route, () => '').replace(/ dev (?= |$)/, '');
