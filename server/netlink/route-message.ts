import {
  addressFamilies,
  decodeIpFamily,
  detectIpFamily,
  formatIpAddressBytes,
  type IpFamily,
  ipAddressToBytes,
  parseIpPrefix,
} from './ip-address.ts';
import type { NetlinkMessageReader, NetlinkMessageWriter } from './message.ts';
import { rtmsg } from './netlink-structs.ts';
import {
  createNextHopFromFlags,
  encodeGatewayAttribute,
  encodeMultipathNextHops,
  encodeNextHopFlags,
  type NewNextHop,
  type NextHop,
  nextHopAttributes,
  parseMultipathNextHops,
  parseNextHopAttribute,
} from './next-hop.ts';
import {
  createEmptyRouteMetrics,
  encodeRouteMetrics,
  parseRouteMetrics,
  type RouteMetrics,
  routeMetricsAttribute,
} from './route-metrics.ts';
import { type RouteScope, routeScopeName, routeScopeNumber } from './route-scope.ts';

/** Route attributes RTA_*, <linux/rtnetlink.h>. */
export const routeAttributes = {
  destination: 1,
  priority: 6,
  preferredSource: 7,
  table: 15,
  preference: 20,
  nextHopId: 30,
} as const;
const RTM_F_CLONED = 0x200;
/** Route types RTN_*, in the order of their numbers. */
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
/** Router preferences ICMPV6_ROUTER_PREF_*, RFC 4191. */
const preferences = { medium: 0, high: 1, low: 3 } as const;

/** Origins of a route, RTPROT_*, <linux/rtnetlink.h>. */
export const routeProtocols = { kernel: 2, boot: 3, static: 4 } as const;
export const routeTables = { main: 254, local: 255 } as const;
export type RouteType = (typeof types)[number];
export type RoutePreference = keyof typeof preferences;

export interface KernelRoute {
  family: IpFamily;
  type: RouteType;
  /** Destination as `ip` prints it: `default`, `10.42.0.33` or `10.42.0.0/24`. */
  destination: string;
  table: number;
  /** Origin of the route (RTPROT_*): 2 kernel, 3 boot (the default of `ip`), 4 static. */
  protocol: number;
  scope: RouteScope;
  /** Type of service that packets must have to match an IPv4 route; 0 for any. */
  typeOfService: number;
  preferredSource: string | null;
  /** Metric of the route (RTA_PRIORITY); the route with the lowest metric wins. */
  metric: number | null;
  /** MTU of the route in bytes; null for the device's MTU. */
  mtu: number | null;
  /** Parameters of connections that use the route, such as the MTU. */
  metrics: RouteMetrics;
  /** Router preference of an IPv6 route; null if it has none. */
  preference: RoutePreference | null;
  /** Gateway of the first next hop; null if it has none. */
  gateway: string | null;
  ifindex: number | null;
  /** Next hops of the route: several for a multipath route, none for a blackhole or similar type. */
  nextHops: NextHop[];
  /** Id of the nexthop object that the route uses; null if it uses none. */
  nextHopId: number | null;
}

export interface NewRoute extends Omit<NewNextHop, 'weight'> {
  /** Destination of the new route: `default`, an address or a prefix. */
  destination: string;
  /** Address family; required for a `default` route without a gateway. */
  family?: IpFamily;
  /** Route type, default unicast. Types blackhole, unreachable, prohibit and throw take neither device nor gateway. */
  type?: RouteType;
  /** Next hops of a multipath route; excludes `ifindex` and `gateway`. */
  nextHops?: readonly NewNextHop[];
  /** Routing table; default main, or local for the types local, broadcast and anycast. */
  table?: number;
  /** Scope, with the defaults of `ip`: link for unicast without a gateway, host for local, else global. */
  scope?: RouteScope;
  typeOfService?: number;
  preferredSource?: string;
  metric?: number;
  /** MTU of the route in bytes, a shorthand for `metrics.values.mtu`. */
  mtu?: number;
  metrics?: Partial<RouteMetrics>;
  preference?: RoutePreference;
  /** Origin of the route (RTPROT_*); default boot, as in `ip`. */
  protocol?: number;
}

/**
 * Writes a route. With `deleting`, properties left out match any value instead of having their defaults.
 * @throws RangeError for text that is no address, or a device and gateway beside next hops
 */
export function encodeRouteMessage(message: NetlinkMessageWriter, route: NewRoute, deleting = false): void {
  const { gateway, nextHops = [], typeOfService = 0, type } = route;
  if (nextHops.length > 0 && (gateway !== undefined || route.ifindex !== undefined))
    throw new RangeError(`route ${route.destination}: a device and gateway, or next hops, not both`);
  const prefix = route.destination === 'default' ? null : parseIpPrefix(route.destination);
  const via = gateway ?? nextHops.find((hop) => hop.gateway !== undefined)?.gateway;
  const kind = prefix
    ? detectIpFamily(prefix.address)
    : (route.family ?? (via ? detectIpFamily(via) : 'ipv4'));
  const table = route.table ?? defaultTable(type);
  // struct rtmsg: u8 family, destination bits, source bits, tos, table, protocol, scope, type; u32 flags
  message
    .u8(addressFamilies[kind])
    .u8(prefix?.length ?? 0)
    .u8(0)
    .u8(typeOfService)
    .u8(table < 256 ? table : 0)
    .u8(route.protocol ?? (deleting ? 0 : routeProtocols.boot))
    .u8(routeScopeNumber(route.scope ?? defaultScope(route, kind, deleting)))
    .u8(types.indexOf(type ?? (deleting ? 'unspec' : 'unicast')))
    .u32(encodeNextHopFlags(route));
  if (prefix) message.attributeBytes(routeAttributes.destination, ipAddressToBytes(prefix.address));
  encodeGatewayAttribute(message, gateway, kind);
  if (route.ifindex !== undefined) message.attributeU32(nextHopAttributes.device, route.ifindex);
  if (nextHops.length > 0) encodeMultipathNextHops(message, nextHops, kind);
  message.attributeU32(routeAttributes.table, table);
  if (route.preferredSource !== undefined)
    message.attributeBytes(routeAttributes.preferredSource, ipAddressToBytes(route.preferredSource));
  if (route.metric !== undefined) message.attributeU32(routeAttributes.priority, route.metric);
  const { mtu, metrics = {} } = route;
  encodeRouteMetrics(
    message,
    mtu === undefined ? metrics : { ...metrics, values: { ...metrics.values, mtu } },
  );
  if (route.preference !== undefined)
    message.attributeU8(routeAttributes.preference, preferences[route.preference]);
}

const defaultTable = (type: RouteType = 'unicast'): number =>
  type === 'local' || type === 'broadcast' || type === 'anycast' ? routeTables.local : routeTables.main;

/** Returns the scope that iproute2 would use for a route without one. */
function defaultScope(route: NewRoute, kind: IpFamily, deleting: boolean): RouteScope {
  const { type = 'unicast' } = route;
  if (deleting && type === 'unicast') return 'nowhere';
  if (kind === 'ipv6') return 'global';
  if (type === 'local') return 'host';
  if (type === 'broadcast' || type === 'multicast' || type === 'anycast') return 'link';
  return type === 'unicast' && route.gateway === undefined && !route.nextHops?.length ? 'link' : 'global';
}

/** Parses RTM_NEWROUTE or RTM_DELROUTE; null for cached entries and other families. @throws MalformedNetlinkMessage */
export function parseRouteMessage(message: NetlinkMessageReader): KernelRoute | null {
  const attributes = message.attributes(rtmsg.bytes);
  const { buffer, start } = message;
  const u8 = (offset: number): number => buffer.readUInt8(start + offset);
  const kind = decodeIpFamily(u8(rtmsg.rtm_family));
  const flags = buffer.readUInt32LE(start + rtmsg.rtm_flags);
  if (kind === null || flags & RTM_F_CLONED) return null;
  const bits = u8(rtmsg.rtm_dst_len);
  const route: KernelRoute = {
    family: kind,
    type: types[u8(rtmsg.rtm_type)] ?? 'unspec',
    destination: 'default',
    table: u8(rtmsg.rtm_table),
    protocol: u8(rtmsg.rtm_protocol),
    scope: routeScopeName(u8(rtmsg.rtm_scope)),
    typeOfService: u8(rtmsg.rtm_tos),
    preferredSource: null,
    metric: null,
    mtu: null,
    metrics: createEmptyRouteMetrics(),
    preference: null,
    gateway: null,
    ifindex: null,
    nextHops: [],
    nextHopId: null,
  };
  const hop = createNextHopFromFlags(flags, 1);
  while (attributes.next()) {
    switch (attributes.type) {
      case routeAttributes.destination:
        route.destination = formatPrefix(formatIpAddressBytes(attributes.bytes()), bits, kind);
        break;
      case routeAttributes.table:
        route.table = attributes.u32();
        break;
      case routeAttributes.preferredSource:
        route.preferredSource = formatIpAddressBytes(attributes.bytes());
        break;
      case routeAttributes.priority:
        route.metric = attributes.u32();
        break;
      case routeMetricsAttribute:
        route.metrics = parseRouteMetrics(attributes);
        route.mtu = route.metrics.values.mtu ?? null;
        break;
      case routeAttributes.preference:
        route.preference = preferenceName(attributes.u8());
        break;
      case routeAttributes.nextHopId:
        route.nextHopId = attributes.u32();
        break;
      case nextHopAttributes.multipath:
        route.nextHops = parseMultipathNextHops(attributes.bytes());
        break;
      default:
        parseNextHopAttribute(hop, attributes);
    }
  }
  // The kernel sends 0.0.0.0/1 and ::/1 without RTA_DST too.
  if (bits > 0 && route.destination === 'default')
    route.destination = formatPrefix(kind === 'ipv4' ? '0.0.0.0' : '::', bits, kind);
  if (hop.ifindex !== null) route.nextHops.push(hop);
  route.gateway = route.nextHops[0]?.gateway ?? null;
  route.ifindex = route.nextHops[0]?.ifindex ?? null;
  return route;
}

const preferenceName = (value: number): RoutePreference | null =>
  (Object.keys(preferences) as RoutePreference[]).find((name) => preferences[name] === value) ?? null;

const formatPrefix = (address: string, bits: number, kind: IpFamily): string =>
  bits === (kind === 'ipv4' ? 32 : 128) ? address : `${address}/${bits}`;
