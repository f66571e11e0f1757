import { refusedWith } from './error.ts';
import { addressBytes, type Family, family, familyName, familyOf, formatAddress, parsePrefix } from './ip.ts';
import { AttributeReader, MalformedMessage, type MessageReader, type MessageWriter } from './message.ts';
import { nlmFlag, rtm } from './rtnetlink.ts';
import { type Scope, scopeName, scopeNumber } from './scope.ts';
import type { RtnetlinkSocket } from './socket.ts';

/** RTA_*, RTN_*, RTPROT_*, RTNH_F_* of <linux/rtnetlink.h>. */
const rta = {
  destination: 1,
  device: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
  multipath: 9,
  table: 15,
  via: 18,
} as const;
const rtmsgBytes = 12;
const rtnexthopBytes = 8;
const RTNH_F_DEAD = 0x1;
const RTNH_F_ONLINK = 0x4;
const RTNH_F_LINKDOWN = 0x10;
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

export type RouteType = (typeof types)[number];

export interface NextHop {
  gateway: string | null;
  ifindex: number | null;
  /** the gateway is reached through the device although no route says so */
  onlink: boolean;
  /** the device is down, or has no carrier */
  dead: boolean;
  linkdown: boolean;
  weight: number;
}

export interface Route {
  family: Family;
  type: RouteType;
  /** `default` or a prefix as `ip` writes it: `10.42.0.33`, `10.42.0.0/24` */
  destination: string;
  table: number;
  /** RTPROT_*: 2 kernel, 3 boot (what `ip` gives), 4 static */
  protocol: number;
  scope: Scope;
  preferredSource: string | null;
  metric: number | null;
  /** of the first next hop, or null */
  gateway: string | null;
  ifindex: number | null;
  /** one; several for a multipath route; none for blackhole and its like */
  nextHops: NextHop[];
}

export interface NewRoute {
  /** `default`, an address or a prefix */
  destination: string;
  /** needed for `default` without a gateway */
  family?: Family;
  ifindex: number;
  gateway?: string;
  onlink?: boolean;
  /** default main */
  table?: number;
  /** default as `ip`: global with a gateway, else link */
  scope?: Scope;
  preferredSource?: string;
  metric?: number;
  /** default boot, as `ip` */
  protocol?: number;
}

/** Adds the route, or replaces the one to the same destination (and metric) in one step: no packet falls between. */
export const replaceRoute = (socket: RtnetlinkSocket, route: NewRoute): Promise<void> =>
  socket.request({
    tried: `replace route ${newRouteText(route)}`,
    type: rtm.newRoute,
    flags: nlmFlag.create | nlmFlag.replace,
    encode: (message) => encodeRoute(message, route),
  });

/** @throws NetlinkError EEXIST when there is one to this destination (and metric) */
export const addRoute = (socket: RtnetlinkSocket, route: NewRoute): Promise<void> =>
  socket.request({
    tried: `add route ${newRouteText(route)}`,
    type: rtm.newRoute,
    flags: nlmFlag.create | nlmFlag.exclusive,
    encode: (message) => encodeRoute(message, route),
  });

/** Deletes the route that has at least these properties. @throws NetlinkError ESRCH when there is none */
export const deleteRoute = (socket: RtnetlinkSocket, route: NewRoute): Promise<void> =>
  socket.request({
    tried: `delete route ${newRouteText(route)}`,
    type: rtm.delRoute,
    encode: (message) => encodeRoute(message, route, 'nowhere'),
  });

/** Routes of one table (default main; `all` for every one) and one family (default both). */
export async function routes(
  socket: RtnetlinkSocket,
  filter: { family?: Family; table?: number | 'all'; ifindex?: number } = {},
): Promise<Route[]> {
  const families = filter.family ? [filter.family] : (['ipv4', 'ipv6'] as const);
  const table = filter.table ?? routeTable.main;
  const found: Route[] = [];
  for (const kind of families) {
    try {
      const part = await socket.dump(
        {
          tried: `dump ${kind} routes`,
          type: rtm.getRoute,
          encode: (message) => {
            message.u8(family[kind]).u8(0).u16(0).u32(0).u32(0);
            if (table !== 'all') message.attributeU32(rta.table, table);
            if (filter.ifindex !== undefined) message.attributeU32(rta.device, filter.ifindex);
          },
        },
        parseRoute,
      );
      found.push(...part);
    } catch (error) {
      // A table nobody has used yet does not exist; a device that is gone has no routes.
      if (!refusedWith(error, 'ENOENT', ...(filter.ifindex === undefined ? [] : ['ENODEV']))) throw error;
    }
  }
  return found;
}

export function encodeRoute(message: MessageWriter, route: NewRoute, otherwise?: Scope): void {
  const gateway = route.gateway === undefined ? null : addressBytes(route.gateway);
  const prefix = route.destination === 'default' ? null : parsePrefix(route.destination);
  const kind = prefix
    ? familyOf(prefix.address)
    : (route.family ?? (route.gateway ? familyOf(route.gateway) : 'ipv4'));
  const table = route.table ?? routeTable.main;
  const scope = route.scope ?? otherwise ?? (gateway || kind === 'ipv6' ? 'global' : 'link');
  // struct rtmsg: u8 family, destination bits, source bits, tos, table, protocol, scope, type; u32 flags
  message
    .u8(family[kind])
    .u8(prefix?.length ?? 0)
    .u8(0)
    .u8(0);
  message.u8(table < 256 ? table : 0).u8(route.protocol ?? (otherwise ? 0 : routeProtocol.boot));
  message.u8(scopeNumber(scope)).u8(otherwise ? 0 : types.indexOf('unicast'));
  message.u32(route.onlink ? RTNH_F_ONLINK : 0);
  if (prefix) message.attributeBytes(rta.destination, addressBytes(prefix.address));
  if (gateway && route.gateway && familyOf(route.gateway) !== kind) {
    message.attributeBytes(
      rta.via,
      Buffer.concat([Uint8Array.of(family[familyOf(route.gateway)], 0), gateway]),
    );
  } else if (gateway) {
    message.attributeBytes(rta.gateway, gateway);
  }
  message.attributeU32(rta.device, route.ifindex);
  message.attributeU32(rta.table, table);
  if (route.preferredSource !== undefined)
    message.attributeBytes(rta.preferredSource, addressBytes(route.preferredSource));
  if (route.metric !== undefined) message.attributeU32(rta.priority, route.metric);
}

/** Reads RTM_NEWROUTE or RTM_DELROUTE; null for cached entries and other families. @throws MalformedMessage */
export function parseRoute(message: MessageReader): Route | null {
  const attributes = message.attributes(rtmsgBytes);
  const { buffer, start } = message;
  const kind = familyName(buffer[start]!);
  const flags = buffer.readUInt32LE(start + 8);
  if (kind === null || flags & RTM_F_CLONED) return null;
  const bits = buffer[start + 1]!;
  const route: Route = {
    family: kind,
    type: types[buffer[start + 7]!] ?? 'unspec',
    destination: 'default',
    table: buffer[start + 4]!,
    protocol: buffer[start + 5]!,
    scope: scopeName(buffer[start + 6]!),
    preferredSource: null,
    metric: null,
    gateway: null,
    ifindex: null,
    nextHops: [],
  };
  const hop = nextHop(flags, 1);
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
      case rta.multipath:
        route.nextHops = parseMultipath(attributes.bytes());
        break;
      default:
        parseHopAttribute(hop, attributes);
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

const nextHop = (flags: number, weight: number): NextHop => ({
  gateway: null,
  ifindex: null,
  onlink: (flags & RTNH_F_ONLINK) !== 0,
  dead: (flags & RTNH_F_DEAD) !== 0,
  linkdown: (flags & RTNH_F_LINKDOWN) !== 0,
  weight,
});

function parseHopAttribute(hop: NextHop, attribute: AttributeReader): void {
  if (attribute.type === rta.device) hop.ifindex = attribute.u32();
  else if (attribute.type === rta.gateway) hop.gateway = formatAddress(attribute.bytes());
  // struct rtvia: u16 family, address. An IPv4 route through an IPv6 gateway.
  else if (attribute.type === rta.via) hop.gateway = formatAddress(attribute.bytes().subarray(2));
}

/** struct rtnexthop in a row: u16 length, u8 flags, u8 hops (weight - 1), i32 ifindex, attributes. */
function parseMultipath(bytes: Buffer): NextHop[] {
  const hops: NextHop[] = [];
  for (let at = 0; bytes.length - at >= rtnexthopBytes; ) {
    const length = bytes.readUInt16LE(at);
    if (length < rtnexthopBytes || length > bytes.length - at)
      throw new MalformedMessage(`next hop of length ${length}, ${bytes.length - at} bytes left`);
    const hop = nextHop(bytes[at + 2]!, bytes[at + 3]! + 1);
    hop.ifindex = bytes.readInt32LE(at + 4);
    const attributes = new AttributeReader(bytes, at + rtnexthopBytes, at + length);
    while (attributes.next()) parseHopAttribute(hop, attributes);
    hops.push(hop);
    at += (length + 3) & ~3;
  }
  return hops;
}

const formatPrefix = (address: string, bits: number, kind: Family): string =>
  bits === (kind === 'ipv4' ? 32 : 128) ? address : `${address}/${bits}`;

const newRouteText = (route: NewRoute): string =>
  [
    route.destination,
    ...(route.gateway === undefined ? [] : [`via ${route.gateway}`]),
    `dev ifindex ${route.ifindex}`,
    ...(route.onlink ? ['onlink'] : []),
    ...(route.table === undefined ? [] : [`table ${route.table}`]),
  ].join(' ');
