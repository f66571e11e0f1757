import { parseAddressMessage } from '../../netlink/address.ts';
import { formatRoute } from '../../netlink/iproute2-format.ts';
import { NetlinkMessageReader, NetlinkMessageWriter } from '../../netlink/message.ts';
import { parseNeighborMessage } from '../../netlink/neighbor.ts';
import { tcmsg } from '../../netlink/netlink-structs.ts';
import { getRawU32, type RawObject } from '../../netlink/raw-object.ts';
import { parseRouteMessage } from '../../netlink/route-message.ts';
import { trafficControlKind } from './carry-traffic-control.ts';
import { nha } from './raw-attributes.ts';

/** Returns an address as `ip address` prints it, such as `10.42.0.33/32`. */
export const describeAddress = (object: RawObject): string =>
  parseAddressMessage(toMessage(object))?.address ?? 'an address of an unknown family';

/** Returns a route as `ip route` prints it, with the interface's name. */
export function describeRoute(object: RawObject, ifindex: number, name: string): string {
  const route = parseRouteMessage(toMessage(object));
  return route === null
    ? 'a route of an unknown family'
    : formatRoute(route, (index) => (index === ifindex ? name : undefined)).trim();
}

export const describeNextHop = (object: RawObject): string =>
  `next hop object id ${getRawU32(object, nha.id) ?? '?'}`;

/** Returns a neighbour entry as `ip neighbour` prints it. */
export function describeNeighbor(object: RawObject): string {
  const neighbor = parseNeighborMessage(toMessage(object));
  if (neighbor === null) return 'a neighbour of an unknown family';
  const mac = neighbor.mac === null ? '' : ` lladdr ${neighbor.mac}`;
  return `${neighbor.proxy ? 'proxy ' : ''}${neighbor.address}${mac} ${neighbor.state.toUpperCase()}`;
}

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
