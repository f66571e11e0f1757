import { nlmsgFlags, rtmTypes } from '../../netlink/message-constants.ts';
import { rtmsg, rtnexthop } from '../../netlink/netlink-structs.ts';
import {
  addRawAttribute,
  buildRawRequest,
  getRawAttribute,
  getRawU32,
  mapRawAttribute,
  type RawObject,
  rawU32,
  withBodyU32,
  withoutRawAttributes,
} from '../../netlink/raw-object.ts';
import type { NetlinkRequest } from '../../netlink/socket.ts';
import {
  addressFamilies,
  nha,
  nhmsg,
  onlinkFlag,
  rta,
  settableNextHopAttributes,
} from './rtnetlink-constants.ts';

/** Ticks per second of RTA_CACHEINFO's times (USER_HZ). */
const userHz = 100;

/**
 * Builds the requests that move routes and next hop objects from one interface to another, default routes last. A route
 * is replaced where it is, so that no packet finds none; a next hop object takes its routes along. Without NLM_F_CREATE
 * a route that was deleted meanwhile is refused (ENOENT) and stays deleted.
 * @param create true to make routes anew that are gone, to restore a recorded state
 */
export function buildRouteMoves(
  { routes, nextHops }: { routes: readonly RawObject[]; nextHops: readonly RawObject[] },
  from: number,
  to: number,
  create = false,
): { object: RawObject; request: NetlinkRequest }[] {
  const seen = new Set<string>();
  const moves = routes.map((route) => {
    const key = routeKey(route);
    const again = seen.has(key);
    seen.add(key);
    return { route, again };
  });
  const last = (each: { route: RawObject }): number => (each.route.body[rtmsg.rtm_dst_len] === 0 ? 1 : 0);
  return [
    ...nextHops.map((hop) => ({ object: hop, request: buildNextHopMove(hop, to) })),
    ...moves
      .toSorted((a, b) => last(a) - last(b))
      .map(({ route, again }) => ({
        object: route,
        request: buildRouteMove(route, from, to, again, create),
      })),
  ];
}

/**
 * Builds the request that moves a route. Of several IPv4 routes to one destination the first is replaced and the
 * others are added behind it: the kernel would replace the first again.
 */
function buildRouteMove(
  route: RawObject,
  from: number,
  to: number,
  again: boolean,
  create: boolean,
): NetlinkRequest {
  const flags = again
    ? nlmsgFlags.create | (isIpv6(route) ? nlmsgFlags.replace : nlmsgFlags.append)
    : nlmsgFlags.replace | (create ? nlmsgFlags.create : 0);
  return buildRawRequest(
    `move a route from ifindex ${from} to ifindex ${to}`,
    rtmTypes.newRoute,
    flags,
    withRouteDevice(route, from, to),
  );
}

/**
 * Builds a request that adds a route through a next hop object, behind other routes to its destination. The kernel also
 * reports what the object consists of, and refuses a route that has both.
 */
export const buildNextHopRoute = (route: RawObject): NetlinkRequest =>
  buildRawRequest(
    `add a route through next hop ${getRawU32(route, rta.nextHopId)}`,
    rtmTypes.newRoute,
    nlmsgFlags.create | (isIpv6(route) ? 0 : nlmsgFlags.append),
    withBodyU32(
      withoutRawAttributes(
        withRouteDevice(route, 0, 0),
        rta.device,
        rta.gateway,
        rta.via,
        rta.multipath,
        rta.encapsulationType,
        rta.encapsulation,
      ),
      rtmsg.rtm_flags,
      0,
    ),
  );

/** Builds a request that deletes a route through an interface. */
export const buildRouteDeletion = (route: RawObject, ifindex: number): NetlinkRequest =>
  buildRawRequest(
    `delete a route of ifindex ${ifindex}`,
    rtmTypes.delRoute,
    0,
    withoutRawAttributes(withRouteDevice(route, ifindex, ifindex), rta.metrics, rta.expires),
  );

/** Returns a route with its interface replaced and without what the kernel only reports. */
export function withRouteDevice(route: RawObject, from: number, to: number): RawObject {
  const swap = (ifindex: number): number => (ifindex === from ? to : ifindex);
  let moved = withBodyU32(route, rtmsg.rtm_flags, route.body.readUInt32LE(rtmsg.rtm_flags) & onlinkFlag);
  moved = mapRawAttribute(moved, rta.device, (value) => rawU32(swap(value.readUInt32LE(0))));
  moved = mapRawAttribute(moved, rta.multipath, (value) => swapHops(value, swap));
  const expires = isIpv6(route) ? secondsLeft(route) : null;
  moved = withoutRawAttributes(moved, rta.cacheInfo, ...(expires === null ? [] : [rta.expires]));
  return expires === null ? moved : addRawAttribute(moved, rta.expires, rawU32(expires));
}

/** Returns the seconds until a route expires, or null if it does not: `rta_expires` of struct rta_cacheinfo. */
function secondsLeft(route: RawObject): number | null {
  const info = getRawAttribute(route, rta.cacheInfo);
  const ticks = info === null || info.length < 12 ? 0 : info.readInt32LE(8);
  return ticks > 0 ? Math.max(1, Math.round(ticks / userHz)) : null;
}

/** Replaces the interface of next hops (struct rtnexthop), and clears the flags that are states. */
function swapHops(value: Buffer, swap: (ifindex: number) => number): Buffer {
  const hops = Buffer.from(value);
  for (let at = 0; hops.length - at >= rtnexthop.bytes; ) {
    const length = hops.readUInt16LE(at + rtnexthop.rtnh_len);
    if (length < rtnexthop.bytes) break;
    hops[at + rtnexthop.rtnh_flags] = (hops[at + rtnexthop.rtnh_flags] ?? 0) & onlinkFlag;
    hops.writeInt32LE(swap(hops.readInt32LE(at + rtnexthop.rtnh_ifindex)), at + rtnexthop.rtnh_ifindex);
    at += (length + 3) & ~3;
  }
  return hops;
}

function buildNextHopMove(hop: RawObject, to: number): NetlinkRequest {
  const body = Buffer.from(hop.body);
  body[nhmsg.scope] = 0; // EINVAL otherwise
  body.writeUInt32LE(body.readUInt32LE(nhmsg.flags) & onlinkFlag, nhmsg.flags);
  const attributes = hop.attributes
    .filter(({ type }) => settableNextHopAttributes.includes(type & 0x3fff))
    .map(({ type, value }) => ({ type, value: type === nha.device ? rawU32(to) : value }));
  return buildRawRequest(
    `move next hop ${getRawU32(hop, nha.id)} to ifindex ${to}`,
    rtmTypes.newNextHop,
    nlmsgFlags.create | nlmsgFlags.replace,
    { body, attributes },
  );
}

/** Key by which the kernel finds a route to replace: family, table, destination, source, TOS and metric. */
export function routeKey(route: RawObject): string {
  const { body } = route;
  const hex = (type: number): string => getRawAttribute(route, type)?.toString('hex') ?? '';
  const fields = [rtmsg.rtm_family, rtmsg.rtm_dst_len, rtmsg.rtm_src_len, rtmsg.rtm_tos].map(
    (at) => body[at],
  );
  return [...fields, hex(rta.table), hex(rta.destination), hex(rta.source), hex(rta.priority)].join(' ');
}

const isIpv6 = ({ body }: RawObject): boolean => body[rtmsg.rtm_family] === addressFamilies.ipv6;
