import {
  addressFamilies,
  detectIpFamily,
  formatIpAddressBytes,
  type IpFamily,
  ipAddressToBytes,
} from './ip-address.ts';
import { MalformedNetlinkMessage, NetlinkAttributeReader, NetlinkMessageWriter } from './message.ts';
import { rtnexthop, rtvia } from './netlink-structs.ts';

/** Route attributes RTA_* of a next hop, <linux/rtnetlink.h>. */
export const nextHopAttributes = { device: 4, gateway: 5, multipath: 9, via: 18 } as const;
/** Next hop flags RTNH_F_*, <linux/rtnetlink.h>. */
const RTNH_F_DEAD = 0x1;
const RTNH_F_ONLINK = 0x4;
const RTNH_F_LINKDOWN = 0x10;
const maxWeight = 256;

/** A gateway or device to which a route forwards packets. */
export interface NextHop {
  gateway: string | null;
  ifindex: number | null;
  /** True if the gateway is reachable on the link even though no route covers it. */
  onlink: boolean;
  /** True if the device is down; `linkdown` is true if it has no carrier. */
  dead: boolean;
  linkdown: boolean;
  weight: number;
}

export interface NewNextHop {
  gateway?: string;
  ifindex?: number;
  onlink?: boolean;
  /** Weight of the next hop in a multipath route, 1 to 256; default 1. */
  weight?: number;
}

export const encodeNextHopFlags = (hop: NewNextHop): number => (hop.onlink ? RTNH_F_ONLINK : 0);

/** Writes RTA_GATEWAY, or RTA_VIA (struct rtvia: u16 family, address) for a gateway of the other address family. */
export function encodeGatewayAttribute(
  message: NetlinkMessageWriter,
  gateway: string | undefined,
  kind: IpFamily,
): void {
  if (gateway === undefined) return;
  const bytes = ipAddressToBytes(gateway);
  const theirs = detectIpFamily(gateway);
  if (theirs === kind) message.attributeBytes(nextHopAttributes.gateway, bytes);
  else
    message.attributeBytes(
      nextHopAttributes.via,
      Buffer.concat([Uint8Array.of(addressFamilies[theirs], 0), bytes]),
    );
}

/** Writes RTA_MULTIPATH: struct rtnexthop (u16 length, u8 flags, u8 weight - 1, i32 ifindex) and attributes per hop. */
export function encodeMultipathNextHops(
  message: NetlinkMessageWriter,
  hops: readonly NewNextHop[],
  kind: IpFamily,
): void {
  const parts = new NetlinkMessageWriter(256);
  for (const hop of hops) {
    const { weight = 1 } = hop;
    if (!Number.isInteger(weight) || weight < 1 || weight > maxWeight)
      throw new RangeError(`weight ${weight} of a next hop: not from 1 to ${maxWeight}`);
    const start = parts.length;
    parts
      .u16(0)
      .u8(encodeNextHopFlags(hop))
      .u8(weight - 1)
      .i32(hop.ifindex ?? 0);
    encodeGatewayAttribute(parts, hop.gateway, kind);
    parts.buffer.writeUInt16LE(parts.length - start, start + rtnexthop.rtnh_len);
  }
  message.attributeBytes(nextHopAttributes.multipath, parts.buffer.subarray(0, parts.length));
}

/** Creates a next hop without gateway and interface, from its RTNH_F_* flags and its weight. */
export const createNextHopFromFlags = (flags: number, weight: number): NextHop => ({
  gateway: null,
  ifindex: null,
  onlink: (flags & RTNH_F_ONLINK) !== 0,
  dead: (flags & RTNH_F_DEAD) !== 0,
  linkdown: (flags & RTNH_F_LINKDOWN) !== 0,
  weight,
});

export function parseNextHopAttribute(hop: NextHop, attribute: NetlinkAttributeReader): void {
  if (attribute.type === nextHopAttributes.device) hop.ifindex = attribute.u32();
  else if (attribute.type === nextHopAttributes.gateway)
    hop.gateway = formatIpAddressBytes(attribute.bytes());
  else if (attribute.type === nextHopAttributes.via)
    hop.gateway = formatIpAddressBytes(attribute.bytes().subarray(rtvia.rtvia_addr));
}

/** Parses RTA_MULTIPATH. @throws MalformedNetlinkMessage */
export function parseMultipathNextHops(bytes: Buffer): NextHop[] {
  const hops: NextHop[] = [];
  for (let at = 0; bytes.length - at >= rtnexthop.bytes; ) {
    const length = bytes.readUInt16LE(at + rtnexthop.rtnh_len);
    if (length < rtnexthop.bytes || length > bytes.length - at)
      throw new MalformedNetlinkMessage(`next hop of length ${length}, ${bytes.length - at} bytes left`);
    const flags = bytes.readUInt8(at + rtnexthop.rtnh_flags);
    const hop = createNextHopFromFlags(flags, bytes.readUInt8(at + rtnexthop.rtnh_hops) + 1);
    hop.ifindex = bytes.readInt32LE(at + rtnexthop.rtnh_ifindex);
    const attributes = new NetlinkAttributeReader(bytes, at + rtnexthop.bytes, at + length);
    while (attributes.next()) parseNextHopAttribute(hop, attributes);
    hops.push(hop);
    at += (length + 3) & ~3;
  }
  return hops;
}
