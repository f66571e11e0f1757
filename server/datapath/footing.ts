import { peerIfindex, primaryIfindex } from '../bpf/layout.ts';
import { addresses } from '../netlink/address.ts';
import { type Route, replaceRoute, routeProtocol, routes } from '../netlink/route.ts';
import type { RtnetlinkSocket } from '../netlink/socket.ts';
import { routeText } from '../netlink/text.ts';
import { type Ground, podGateway } from './ground.ts';
import type { PodNamespace } from './pod-namespace.ts';

/** What stands on a device and has to stand on its successor. */
export interface Footing {
  /** CIDR, on the peer; link-local ones belong to the device and stay behind */
  addresses: string[];
  podRoutes: Route[];
  hostRoutes: Route[];
}

export async function readFooting(ground: Ground, pod: PodNamespace, slot: number): Promise<Footing> {
  const onPeer = await addresses(pod.socket, { ifindex: peerIfindex(slot) });
  return {
    addresses: onPeer.filter((each) => each.scope === 'global').map((each) => each.address),
    podRoutes: await movableRoutes(pod.socket, peerIfindex(slot)),
    hostRoutes: await movableRoutes(ground.host, primaryIfindex(slot)),
  };
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
  for (const route of wanted)
    await replaceRoute(socket, {
      destination: route.destination,
      family: route.family,
      ifindex,
      table: route.table,
      scope: route.scope,
      protocol: route.protocol,
      ...(route.gateway === null ? {} : { gateway: route.gateway, onlink: route.nextHops[0]!.onlink }),
      ...(route.preferredSource === null ? {} : { preferredSource: route.preferredSource }),
      ...(route.metric === null ? {} : { metric: route.metric }),
    });
}

/** A new pod's routes: everything through the gateway that nobody has, and the pod's address from the host. */
export async function routePod(
  ground: Ground,
  pod: PodNamespace,
  slot: number,
  address: string,
): Promise<void> {
  await replaceRoute(pod.socket, {
    destination: 'default',
    gateway: podGateway,
    onlink: true,
    ifindex: peerIfindex(slot),
  });
  await replaceRoute(ground.host, { destination: address, ifindex: primaryIfindex(slot), scope: 'link' });
}

/** The route as `ip route` takes it, without its device. */
export const deviceless = (route: Route): string => routeText(route, () => '').replace(/ dev (?= |$)/, '');
