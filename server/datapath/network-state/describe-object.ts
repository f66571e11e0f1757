import { parseAddressMessage } from '../../netlink/address.ts';
import { formatIpAddressBytes } from '../../netlink/ip-address.ts';
import { formatRoute } from '../../netlink/iproute2-format.ts';
import { NetlinkMessageReader, NetlinkMessageWriter } from '../../netlink/message.ts';
import { parseNeighborMessage } from '../../netlink/neighbor.ts';
import { ifaddrmsg, tcmsg } from '../../netlink/netlink-structs.ts';
import { getRawAttribute, getRawString, getRawU32, type RawObject } from '../../netlink/raw-object.ts';
import { parseRouteMessage } from '../../netlink/route-message.ts';
import { listGroupMembers } from './next-hop-groups.ts';
import { addressFamilies, addressFlags, ifa, nha } from './rtnetlink-constants.ts';
import { trafficControlKind } from './traffic-control-requests.ts';

/** Returns an address as `ip address` prints it, such as `10.42.0.33/32`. */
export const describeAddress = (object: RawObject): string =>
  parseAddressMessage(toMessage(object))?.address ?? 'an address of an unknown family';

/** Scopes RT_SCOPE_*, <linux/rtnetlink.h>. */
const scopes: Readonly<Record<number, string>> = {
  0: 'global',
  200: 'site',
  253: 'link',
  254: 'host',
  255: 'nowhere',
};
/** Flags IFA_F_* as `ip address` prints them, <linux/if_addr.h>; the first is another one of each family. */
const flagWords: readonly [flag: number, word: string][] = [
  [0x02, 'nodad'],
  [0x04, 'optimistic'],
  [0x08, 'dadfailed'],
  [0x10, 'home'],
  [0x20, 'deprecated'],
  [0x100, 'mngtmpaddr'],
  [0x200, 'noprefixroute'],
  [0x400, 'autojoin'],
];

/** Returns an address with its attributes, as `ip address` prints them. @param name the interface's */
export function describeWholeAddress(address: RawObject, name: string): string {
  const flags = getRawU32(address, ifa.flags) ?? 0;
  const isIpv6 = address.body[ifaddrmsg.ifa_family] === addressFamilies.ipv6;
  const scope = address.body[ifaddrmsg.ifa_scope] ?? 0;
  const [broadcast, label] = [getRawAttribute(address, ifa.broadcast), getRawString(address, ifa.label)];
  const metric = getRawU32(address, ifa.priority);
  const isForEver = (flags & addressFlags.permanent) !== 0;
  return [
    describeAddress(address),
    ...(broadcast === null ? [] : [`brd ${formatIpAddressBytes(broadcast)}`]),
    `scope ${scopes[scope] ?? scope}`,
    ...(flags & addressFlags.temporary ? [isIpv6 ? 'temporary' : 'secondary'] : []),
    ...flagWords.flatMap(([flag, word]) => (flags & flag ? [word] : [])),
    ...(label === null || label === name ? [] : [`label ${label}`]),
    ...(metric === null ? [] : [`metric ${metric}`]),
    ...(isForEver ? [] : ['with a lifetime']),
  ].join(' ');
}

/** Returns a route as `ip route` prints it, with the interface's name. */
export function describeRoute(object: RawObject, ifindex: number, name: string): string {
  const route = parseRouteMessage(toMessage(object));
  return route === null
    ? 'a route of an unknown family'
    : formatRoute(route, (index) => (index === ifindex ? name : undefined)).trim();
}

export const describeNextHop = (object: RawObject): string =>
  `next hop object id ${getRawU32(object, nha.id) ?? '?'}`;

/** Returns a next hop group with its members, each with a weight other than 1, as `ip nexthop` prints them. */
export function describeNextHopGroup(group: RawObject): string {
  const members = listGroupMembers(group).map(({ id, weight }) => (weight === 1 ? id : `${id},${weight}`));
  return `next hop group id ${getRawU32(group, nha.id) ?? '?'} of ${members.join('/')}`;
}

/** Returns a neighbor entry as `ip neighbour` prints it. */
export function describeNeighbor(object: RawObject): string {
  const neighbor = parseNeighborMessage(toMessage(object));
  if (neighbor === null) return 'a neighbour of an unknown family';
  const mac = neighbor.mac === null ? '' : ` lladdr ${neighbor.mac}`;
  return `${neighbor.proxy ? 'proxy ' : ''}${neighbor.address}${mac} ${neighbor.state.toUpperCase()}`;
}

/** Returns the address of a neighbor entry, or null if its family is unknown. */
export const getNeighborAddress = (object: RawObject): string | null =>
  parseNeighborMessage(toMessage(object))?.address ?? null;

/** Returns a qdisc, class or filter as `tc` names it, such as `tbf 8001: root`. */
export function describeTrafficControl(object: RawObject): string {
  const handle = object.body.readUInt32LE(tcmsg.tcm_handle);
  const parent = object.body.readUInt32LE(tcmsg.tcm_parent);
  const where = parent === 0xffff_ffff ? 'root' : `parent ${formatHandle(parent)}`;
  return `${trafficControlKind(object)} ${formatHandle(handle)} ${where}`;
}

const formatHandle = (handle: number): string => {
  const minor = handle & 0xffff;
  return `${(handle >>> 16).toString(16)}:${minor === 0 ? '' : minor.toString(16)}`;
};

/** Returns an object as a netlink message, for the parsers of messages. */
function toMessage({ messageType, body, attributes }: RawObject): NetlinkMessageReader {
  const writer = new NetlinkMessageWriter(1024);
  writer.begin(messageType, 0, 0);
  writer.bytes(body);
  for (const { type, value } of attributes) writer.attributeBytes(type, value);
  writer.end();
  const reader = new NetlinkMessageReader(writer.buffer, writer.length);
  reader.next();
  return reader;
}
