import { addressFamilies, type IpFamily } from './ip-address.ts';
import { nlmsgFlags, rtmTypes } from './message-constants.ts';
import { isNetlinkError } from './netlink-error.ts';
import { type NewNextHop, type NextHop, nextHopAttributes } from './next-hop.ts';
import {
  encodeRouteMessage,
  type KernelRoute,
  type NewRoute,
  parseRouteMessage,
  type RouteType,
  routeAttributes,
  routeTables,
} from './route-message.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/**
 * Converts a route that was read into one to be added, on the same device or on `ifindex`. A multipath route keeps the
 * devices of its next hops.
 */
export function toNewRoute(route: KernelRoute, ifindex?: number): NewRoute {
  const [first = null, ...others] = route.nextHops;
  // IPv6 reports routes that discard packets on loopback, where it puts them by itself.
  const withoutHop = first === null || discards(route.type);
  return {
    destination: route.destination,
    family: route.family,
    type: route.type,
    table: route.table,
    scope: route.scope,
    protocol: route.protocol,
    typeOfService: route.typeOfService,
    metrics: route.metrics,
    ...(route.preferredSource === null ? {} : { preferredSource: route.preferredSource }),
    ...(route.metric === null ? {} : { metric: route.metric }),
    ...(route.preference === null ? {} : { preference: route.preference }),
    ...(withoutHop
      ? {}
      : others.length === 0
        ? toNewNextHop(first, ifindex)
        : { nextHops: route.nextHops.map((hop) => toNewNextHop(hop)) }),
  };
}

const toNewNextHop = (hop: NextHop, ifindex = hop.ifindex ?? undefined): NewNextHop => ({
  ...(hop.gateway === null ? {} : { gateway: hop.gateway }),
  ...(ifindex === undefined ? {} : { ifindex }),
  onlink: hop.onlink,
  weight: hop.weight,
});

const discards = (type: RouteType): boolean =>
  type === 'blackhole' || type === 'unreachable' || type === 'prohibit' || type === 'throw';

type RouteVerb = 'add' | 'replace' | 'append' | 'delete';

/**
 * Builds a netlink request that adds, replaces or deletes a route. Sending it throws RangeError if the route is
 * invalid.
 */
export const buildRouteRequest = (verb: RouteVerb, route: NewRoute): NetlinkRequest => ({
  operation: `${verb} route ${newRouteText(route)}`,
  type: verb === 'delete' ? rtmTypes.delRoute : rtmTypes.newRoute,
  flags: verbFlags[verb],
  encode: (message) => encodeRouteMessage(message, route, verb === 'delete'),
});

const verbFlags: Record<RouteVerb, number> = {
  add: nlmsgFlags.create | nlmsgFlags.exclusive,
  replace: nlmsgFlags.create | nlmsgFlags.replace,
  append: nlmsgFlags.create | nlmsgFlags.append,
  delete: 0,
};

/** Adds a route, or atomically replaces the one with the same destination and metric, so that no packet is lost. */
export const replaceRoute = (socket: NetlinkSocket, route: NewRoute): Promise<void> =>
  socket.request(buildRouteRequest('replace', route));

/** Adds a route. @throws NetlinkError EEXIST if there is one with the same destination and metric */
export const addRoute = (socket: NetlinkSocket, route: NewRoute): Promise<void> =>
  socket.request(buildRouteRequest('add', route));

/** Deletes the first route that has all given properties. @throws NetlinkError ESRCH if there is no such route */
export const deleteRoute = (socket: NetlinkSocket, route: NewRoute): Promise<void> =>
  socket.request(buildRouteRequest('delete', route));

/** Lists the routes of one table (default main, `all` for every table) and of one or both address families. */
export async function listRoutes(
  socket: NetlinkSocket,
  filter: { family?: IpFamily; table?: number | 'all'; ifindex?: number } = {},
): Promise<KernelRoute[]> {
  const families = filter.family ? [filter.family] : (['ipv4', 'ipv6'] as const);
  const table = filter.table ?? routeTables.main;
  const found: KernelRoute[] = [];
  for (const kind of families) {
    try {
      const part = await socket.dump(
        {
          operation: `dump ${kind} routes`,
          type: rtmTypes.getRoute,
          encode: (message) => {
            message.u8(addressFamilies[kind]).u8(0).u16(0).u32(0).u32(0);
            if (table !== 'all') message.attributeU32(routeAttributes.table, table);
            if (filter.ifindex !== undefined) message.attributeU32(nextHopAttributes.device, filter.ifindex);
          },
        },
        parseRouteMessage,
      );
      found.push(...part);
    } catch (error) {
      // A table without routes may not exist; a device that is gone has no routes.
      if (!isNetlinkError(error, 'ENOENT', ...(filter.ifindex === undefined ? [] : ['ENODEV']))) throw error;
    }
  }
  return found;
}

const newRouteText = (route: NewRoute): string =>
  [
    ...(route.type === undefined || route.type === 'unicast' ? [] : [route.type]),
    route.destination,
    ...hopText(route),
    ...(route.table === undefined ? [] : [`table ${route.table}`]),
    ...(route.metric === undefined ? [] : [`metric ${route.metric}`]),
    ...(route.nextHops ?? []).map((hop) => ['nexthop', ...hopText(hop)].join(' ')),
  ].join(' ');

const hopText = (hop: NewNextHop): string[] => [
  ...(hop.gateway === undefined ? [] : [`via ${hop.gateway}`]),
  ...(hop.ifindex === undefined ? [] : [`dev ifindex ${hop.ifindex}`]),
  ...(hop.onlink ? ['onlink'] : []),
];
