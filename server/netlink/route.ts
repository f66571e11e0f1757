import { isNetlinkError } from './error.ts';
import { addressBytes, type Family, addressFamily, familyOfNumber, familyOfAddress, formatAddress, parsePrefix } from './ip-address.ts';
import type { MessageReader, MessageWriter } from './message.ts';
import {
  emptyNextHop,
  nextHopFlags,
  type NewNextHop,
  type NextHop,
  parseNextHopAttribute,
  parseMultipath,
  nextHopAttribute,
  encodeGateway,
  encodeMultipath,
} from './next-hop.ts';
import {
  emptyRouteMetrics,
  parseRouteMetrics,
  type RouteMetrics,
  routeMetricsAttribute,
  encodeRouteMetrics,
} from './route-metrics.ts';
import { nlmFlag, rtm } from './constants.ts';
import { type RouteScope, routeScopeName, routeScopeNumber } from './route-scope.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

export type { NewNextHop, NextHop, RouteMetrics };

/** RTA_*, RTN_*, RTPROT_* of <linux/rtnetlink.h>. */
const rta = {
  destination: 1,
  priority: 6,
  preferredSource: 7,
  table: 15,
  preference: 20,
  nextHopId: 30,
} as const;
const rtmsgBytes = 12;
const RTM_F_CLONED = 0x200;
const types = [
  'unspec',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
] as const;
/** RTPROT_*: who made the route. */
export const routeProtocol = { kernel: 2, boot: 3, static: 4 } as const;
export const routeTable = { main: 254, local: 255 } as const;
/** ICMPV6_ROUTER_PREF_*, RFC 4191. */
const preferences = { medium: 0, high: 1, low: 3 } as const;

export type RouteType = (typeof types)[number];
export type RoutePreference = keyof typeof preferences;

export interface Route {
  family: Family;
  type: RouteType;
  /** `default` or a prefix as `ip` writes it: `10.42.0.33`, `10.42.0.0/24` */
  destination: string;
  table: number;
  /** RTPROT_*: 2 kernel, 3 boot (what `ip` gives), 4 static */
  protocol: number;
  scope: RouteScope;
  /** the packets it is for, IPv4 alone; 0: all */
  typeOfService: number;
  preferredSource: string | null;
  /** RTA_PRIORITY: the lower one wins */
  metric: number | null;
  /** `metrics.values.mtu`: bytes of the packets it carries; null: the device's */
  mtu: number | null;
  /** of connections over it: MTU and such */
  metrics: RouteMetrics;
  /** IPv6 */
  preference: RoutePreference | null;
  /** of the first next hop, or null */
  gateway: string | null;
  ifindex: number | null;
  /** one; several for a multipath route; none for blackhole and its like (IPv6: loopback) */
  nextHops: NextHop[];
  /** the nexthop object it uses */
  nextHopId: number | null;
}

export interface NewRoute extends Omit<NewNextHop, 'weight'> {
  /** `default`, an address or a prefix */
  destination: string;
  /** needed for `default` without a gateway */
  family?: Family;
  /** default unicast; blackhole, unreachable, prohibit and throw take neither device nor gateway */
  type?: RouteType;
  /** several, instead of `ifindex` and `gateway` */
  nextHops?: readonly NewNextHop[];
  /** default main; local for the types local, broadcast and anycast */
  table?: number;
  /** default as `ip`: link for unicast without a gateway, host for local, else global */
  scope?: RouteScope;
  typeOfService?: number;
  preferredSource?: string;
  metric?: number;
  /** short for `metrics.values.mtu` */
  mtu?: number;
  metrics?: Partial<RouteMetrics>;
  preference?: RoutePreference;
  /** default boot, as `ip` */
  protocol?: number;
}

/**
 * What makes this route again, on the same device or on `ifindex`. Of the next hops, that of a route with one is
 * moved; a multipath route keeps its own.
 */
export function toNewRoute(route: Route, ifindex?: number): NewRoute {
  const one = route.nextHops.length === 1 ? route.nextHops[0]! : null;
  // IPv6 shows routes to nowhere on loopback, where it puts them by itself.
  const nowhere = route.nextHops.length === 0 || discards(route.type);
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
    ...(nowhere ? {} : one ? hopOf(one, ifindex) : { nextHops: route.nextHops.map((hop) => hopOf(hop)) }),
  };
}

const hopOf = (hop: NextHop, ifindex = hop.ifindex ?? undefined): NewNextHop => ({
  ...(hop.gateway === null ? {} : { gateway: hop.gateway }),
  ...(ifindex === undefined ? {} : { ifindex }),
  onlink: hop.onlink,
  weight: hop.weight,
});

const discards = (type: RouteType): boolean =>
  type === 'blackhole' || type === 'unreachable' || type === 'prohibit' || type === 'throw';

type RouteVerb = 'add' | 'replace' | 'append' | 'delete';

/** The request of `addRoute` and its like, for a batch. @throws RangeError, when it is sent, for what is no route */
export const routeRequest = (verb: RouteVerb, route: NewRoute): NetlinkRequest => ({
  operation: `${verb} route ${newRouteText(route)}`,
  type: verb === 'delete' ? rtm.delRoute : rtm.newRoute,
  flags: verbFlags[verb],
  encode: (message) => encodeRoute(message, route, verb === 'delete'),
});

const verbFlags: Record<RouteVerb, number> = {
  add: nlmFlag.create | nlmFlag.exclusive,
  replace: nlmFlag.create | nlmFlag.replace,
  append: nlmFlag.create | nlmFlag.append,
  delete: 0,
};

/** Adds the route, or replaces the one to the same destination (and metric) in one step: no packet falls between. */
export const replaceRoute = (socket: NetlinkSocket, route: NewRoute): Promise<void> =>
  socket.request(routeRequest('replace', route));

/** @throws NetlinkError EEXIST when there is one to this destination (and metric) */
export const addRoute = (socket: NetlinkSocket, route: NewRoute): Promise<void> =>
  socket.request(routeRequest('add', route));

/** Deletes the route that has at least these properties. @throws NetlinkError ESRCH when there is none */
export const deleteRoute = (socket: NetlinkSocket, route: NewRoute): Promise<void> =>
  socket.request(routeRequest('delete', route));

/** Routes of one table (default main; `all` for every one) and one family (default both). */
export async function listRoutes(
  socket: NetlinkSocket,
  filter: { family?: Family; table?: number | 'all'; ifindex?: number } = {},
): Promise<Route[]> {
  const families = filter.family ? [filter.family] : (['ipv4', 'ipv6'] as const);
  const table = filter.table ?? routeTable.main;
  const found: Route[] = [];
  for (const kind of families) {
    try {
      const part = await socket.dump(
        {
          operation: `dump ${kind} routes`,
          type: rtm.getRoute,
          encode: (message) => {
            message.u8(addressFamily[kind]).u8(0).u16(0).u32(0).u32(0);
            if (table !== 'all') message.attributeU32(rta.table, table);
            if (filter.ifindex !== undefined) message.attributeU32(nextHopAttribute.device, filter.ifindex);
          },
        },
        parseRoute,
      );
      found.push(...part);
    } catch (error) {
      // A table nobody has used yet does not exist; a device that is gone has no routes.
      if (!isNetlinkError(error, 'ENOENT', ...(filter.ifindex === undefined ? [] : ['ENODEV']))) throw error;
    }
  }
  return found;
}

/** `deleting`: what is left out matches any, instead of the defaults. */
export function encodeRoute(message: MessageWriter, route: NewRoute, deleting = false): void {
  const { gateway, nextHops = [], typeOfService = 0, type } = route;
  if (nextHops.length > 0 && (gateway !== undefined || route.ifindex !== undefined))
    throw new RangeError(`route ${route.destination}: a device and gateway, or next hops, not both`);
  const prefix = route.destination === 'default' ? null : parsePrefix(route.destination);
  const via = gateway ?? nextHops.find((hop) => hop.gateway !== undefined)?.gateway;
  const kind = prefix ? familyOfAddress(prefix.address) : (route.family ?? (via ? familyOfAddress(via) : 'ipv4'));
  const table = route.table ?? defaultTable(type);
  // struct rtmsg: u8 family, destination bits, source bits, tos, table, protocol, scope, type; u32 flags
  message
    .u8(addressFamily[kind])
    .u8(prefix?.length ?? 0)
    .u8(0)
    .u8(typeOfService)
    .u8(table < 256 ? table : 0)
    .u8(route.protocol ?? (deleting ? 0 : routeProtocol.boot))
    .u8(routeScopeNumber(route.scope ?? defaultScope(route, kind, deleting)))
    .u8(types.indexOf(type ?? (deleting ? 'unspec' : 'unicast')))
    .u32(nextHopFlags(route));
  if (prefix) message.attributeBytes(rta.destination, addressBytes(prefix.address));
  encodeGateway(message, gateway, kind);
  if (route.ifindex !== undefined) message.attributeU32(nextHopAttribute.device, route.ifindex);
  if (nextHops.length > 0) encodeMultipath(message, nextHops, kind);
  message.attributeU32(rta.table, table);
  if (route.preferredSource !== undefined)
    message.attributeBytes(rta.preferredSource, addressBytes(route.preferredSource));
  if (route.metric !== undefined) message.attributeU32(rta.priority, route.metric);
  const { mtu, metrics = {} } = route;
  encodeRouteMetrics(message, mtu === undefined ? metrics : { ...metrics, values: { ...metrics.values, mtu } });
  if (route.preference !== undefined) message.attributeU8(rta.preference, preferences[route.preference]);
}

const defaultTable = (type: RouteType = 'unicast'): number =>
  type === 'local' || type === 'broadcast' || type === 'anycast' ? routeTable.local : routeTable.main;

/** As iproute2 chooses it. */
function defaultScope(route: NewRoute, kind: Family, deleting: boolean): RouteScope {
  const { type = 'unicast' } = route;
  if (deleting && type === 'unicast') return 'nowhere';
  if (kind === 'ipv6') return 'global';
  if (type === 'local') return 'host';
  if (type === 'broadcast' || type === 'multicast' || type === 'anycast') return 'link';
  return type === 'unicast' && route.gateway === undefined && !route.nextHops?.length ? 'link' : 'global';
}

/** Reads RTM_NEWROUTE or RTM_DELROUTE; null for cached entries and other families. @throws MalformedMessage */
export function parseRoute(message: MessageReader): Route | null {
  const attributes = message.attributes(rtmsgBytes);
  const { buffer, start } = message;
  const kind = familyOfNumber(buffer[start]!);
  const flags = buffer.readUInt32LE(start + 8);
  if (kind === null || flags & RTM_F_CLONED) return null;
  const bits = buffer[start + 1]!;
  const route: Route = {
    family: kind,
    type: types[buffer[start + 7]!] ?? 'unspec',
    destination: 'default',
    table: buffer[start + 4]!,
    protocol: buffer[start + 5]!,
    scope: routeScopeName(buffer[start + 6]!),
    typeOfService: buffer[start + 3]!,
    preferredSource: null,
    metric: null,
    mtu: null,
    metrics: emptyRouteMetrics(),
    preference: null,
    gateway: null,
    ifindex: null,
    nextHops: [],
    nextHopId: null,
  };
  const hop = emptyNextHop(flags, 1);
  while (attributes.next()) {
    switch (attributes.type) {
      case rta.destination:
        route.destination = formatPrefix(formatAddress(attributes.bytes()), bits, kind);
        break;
      case rta.table:
        route.table = attributes.u32();
        break;
      case rta.preferredSource:
        route.preferredSource = formatAddress(attributes.bytes());
        break;
      case rta.priority:
        route.metric = attributes.u32();
        break;
      case routeMetricsAttribute:
        route.metrics = parseRouteMetrics(attributes);
        route.mtu = route.metrics.values.mtu ?? null;
        break;
      case rta.preference:
        route.preference = preferenceName(attributes.u8());
        break;
      case rta.nextHopId:
        route.nextHopId = attributes.u32();
        break;
      case nextHopAttribute.multipath:
        route.nextHops = parseMultipath(attributes.bytes());
        break;
      default:
        parseNextHopAttribute(hop, attributes);
    }
  }
  // The kernel prints 0.0.0.0/1 and ::/1 without RTA_DST too.
  if (bits > 0 && route.destination === 'default')
    route.destination = formatPrefix(kind === 'ipv4' ? '0.0.0.0' : '::', bits, kind);
  if (hop.ifindex !== null) route.nextHops.push(hop);
  route.gateway = route.nextHops[0]?.gateway ?? null;
  route.ifindex = route.nextHops[0]?.ifindex ?? null;
  return route;
}

const preferenceName = (value: number): RoutePreference | null =>
  (Object.keys(preferences) as RoutePreference[]).find((name) => preferences[name] === value) ?? null;

const formatPrefix = (address: string, bits: number, kind: Family): string =>
  bits === (kind === 'ipv4' ? 32 : 128) ? address : `${address}/${bits}`;

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
