import { addressBytes, type Family, addressFamily, familyOfAddress, formatAddress } from './ip-address.ts';
import { AttributeReader, MalformedMessage, MessageWriter } from './message.ts';

/** RTA_* and RTNH_F_* of <linux/rtnetlink.h> that a next hop has. */
export const nextHopAttribute = { device: 4, gateway: 5, multipath: 9, via: 18 } as const;
const RTNH_F_DEAD = 0x1;
const RTNH_F_ONLINK = 0x4;
const RTNH_F_LINKDOWN = 0x10;
const rtnexthopBytes = 8;
const mostWeight = 256;

/** One way a route goes. */
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

export interface NewNextHop {
  gateway?: string;
  ifindex?: number;
  onlink?: boolean;
  /** 1 to 256; default 1 */
  weight?: number;
}

export const nextHopFlags = (hop: NewNextHop): number => (hop.onlink ? RTNH_F_ONLINK : 0);

/** RTA_GATEWAY, or RTA_VIA (struct rtvia: u16 family, address) for a gateway of the other family. */
export function encodeGateway(message: MessageWriter, gateway: string | undefined, kind: Family): void {
  if (gateway === undefined) return;
  const bytes = addressBytes(gateway);
  const theirs = familyOfAddress(gateway);
  if (theirs === kind) message.attributeBytes(nextHopAttribute.gateway, bytes);
  else message.attributeBytes(nextHopAttribute.via, Buffer.concat([Uint8Array.of(addressFamily[theirs], 0), bytes]));
}

/** RTA_MULTIPATH: struct rtnexthop in a row: u16 length, u8 flags, u8 weight - 1, i32 ifindex, attributes. */
export function encodeMultipath(message: MessageWriter, hops: readonly NewNextHop[], kind: Family): void {
  const parts = new MessageWriter(256);
  for (const hop of hops) {
    const { weight = 1 } = hop;
    if (!Number.isInteger(weight) || weight < 1 || weight > mostWeight)
      throw new RangeError(`weight ${weight} of a next hop: from 1 to ${mostWeight}`);
    const start = parts.length;
    parts
      .u16(0)
      .u8(nextHopFlags(hop))
      .u8(weight - 1)
      .i32(hop.ifindex ?? 0);
    encodeGateway(parts, hop.gateway, kind);
    parts.buffer.writeUInt16LE(parts.length - start, start);
  }
  message.attributeBytes(nextHopAttribute.multipath, parts.buffer.subarray(0, parts.length));
}

export const emptyNextHop = (flags: number, weight: number): NextHop => ({
  gateway: null,
  ifindex: null,
  onlink: (flags & RTNH_F_ONLINK) !== 0,
  dead: (flags & RTNH_F_DEAD) !== 0,
  linkdown: (flags & RTNH_F_LINKDOWN) !== 0,
  weight,
});

export function parseNextHopAttribute(hop: NextHop, attribute: AttributeReader): void {
  if (attribute.type === nextHopAttribute.device) hop.ifindex = attribute.u32();
  else if (attribute.type === nextHopAttribute.gateway) hop.gateway = formatAddress(attribute.bytes());
  else if (attribute.type === nextHopAttribute.via) hop.gateway = formatAddress(attribute.bytes().subarray(2));
}

/** @throws MalformedMessage */
export function parseMultipath(bytes: Buffer): NextHop[] {
  const hops: NextHop[] = [];
  for (let at = 0; bytes.length - at >= rtnexthopBytes; ) {
    const length = bytes.readUInt16LE(at);
    if (length < rtnexthopBytes || length > bytes.length - at)
      throw new MalformedMessage(`next hop of length ${length}, ${bytes.length - at} bytes left`);
    const hop = emptyNextHop(bytes[at + 2]!, bytes[at + 3]! + 1);
    hop.ifindex = bytes.readInt32LE(at + 4);
    const attributes = new AttributeReader(bytes, at + rtnexthopBytes, at + length);
    while (attributes.next()) parseNextHopAttribute(hop, attributes);
    hops.push(hop);
    at += (length + 3) & ~3;
  }
  return hops;
}
