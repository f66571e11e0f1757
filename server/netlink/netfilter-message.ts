import {
  MalformedNetlinkMessage,
  type NetlinkAttributeReader,
  type NetlinkMessageWriter,
} from './message.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/**
 * nfnetlink, <linux/netfilter/nfnetlink.h>: the message type is a subsystem and an operation of it, the body begins
 * with struct nfgenmsg, and integers in attributes are big endian.
 */
export const netfilterSubsystems = { conntrack: 1, expectation: 2, queue: 3, nftables: 10 } as const;
const NLA_F_NESTED = 0x8000;

/** Returns the type of a netfilter message: the subsystem in the upper byte, its message in the lower one. */
export const netfilterMessageType = (subsystem: keyof typeof netfilterSubsystems, message: number): number =>
  (netfilterSubsystems[subsystem] << 8) | message;

/** Protocol families of netfilter, <linux/netfilter.h>; 0 in a dump stands for all. */
export const netfilterFamilies = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;

const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFNL_BATCH_GENID = 1;

/** Writes struct nfgenmsg: u8 family, u8 version 0, be16 resource id. */
export const encodeNfgenmsg = (message: NetlinkMessageWriter, family: number, resource = 0): void => {
  message
    .u8(family)
    .u8(0)
    .u8(resource >> 8)
    .u8(resource & 0xff);
};

export const bigEndian16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};

export const bigEndian32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

export const bigEndian64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};

/** A number of changes that are made together. */
export interface NetfilterTransaction {
  subsystem: number;
  changes: readonly NetlinkRequest[];
  /** Generation of the rule set that the changes were derived from; with any other, the kernel answers ERESTART. */
  generation?: number;
}

/** Makes changes of a subsystem together. @throws NetlinkError the first refusal, after which nothing has changed */
export const commitNetfilterChanges = (
  socket: NetlinkSocket,
  { subsystem, changes, generation }: NetfilterTransaction,
): Promise<void> =>
  socket.transaction(
    [begin(subsystem, generation), ...changes, limit('end a batch', NFNL_MSG_BATCH_END, subsystem)],
    changes.length,
  );

/** Tests whether the kernel would accept changes: a batch without an end is validated and aborted. @throws NetlinkError */
export const checkNetfilterChanges = (
  socket: NetlinkSocket,
  { subsystem, changes, generation }: NetfilterTransaction,
): Promise<void> => socket.transaction([begin(subsystem, generation), ...changes], changes.length);

const begin = (subsystem: number, generation: number | undefined): NetlinkRequest =>
  limit('begin a batch', NFNL_MSG_BATCH_BEGIN, subsystem, generation);

const limit = (operation: string, type: number, subsystem: number, generation?: number): NetlinkRequest => ({
  operation,
  type,
  encode: (message) => {
    encodeNfgenmsg(message, 0, subsystem);
    if (generation !== undefined) message.attributeBytes(NFNL_BATCH_GENID, bigEndian32(generation));
  },
});

/** Writes an attribute that holds nested ones as the bytes that the kernel dumped. */
export const attributeNested = (message: NetlinkMessageWriter, type: number, bytes: Uint8Array): void =>
  message.attributeBytes(type | NLA_F_NESTED, bytes);

/** Writes a be16 attribute: netfilter's numbers are in network byte order, unlike those of rtnetlink. */
export const attributeBigEndian16 = (message: NetlinkMessageWriter, type: number, value: number): void =>
  message.attributeU16(type, swap16(value));

/** Writes a be32 attribute. */
export const attributeBigEndian32 = (message: NetlinkMessageWriter, type: number, value: number): void =>
  message.attributeU32(type, (swap16(value & 0xffff) * 0x1_0000 + swap16(value >>> 16)) >>> 0);

const swap16 = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);

/** Reads a be16 attribute. @throws MalformedNetlinkMessage if it is shorter */
export const readBigEndian16 = (attribute: NetlinkAttributeReader): number =>
  atLeast(attribute, 2).readUInt16BE();

/** Reads a be32 attribute. @throws MalformedNetlinkMessage if it is shorter */
export const readBigEndian32 = (attribute: NetlinkAttributeReader): number =>
  atLeast(attribute, 4).readUInt32BE();

const atLeast = (attribute: NetlinkAttributeReader, length: number): Buffer => {
  const bytes = attribute.bytes();
  if (bytes.length < length)
    throw new MalformedNetlinkMessage(`attribute ${attribute.type} of ${bytes.length} bytes, not ${length}`);
  return bytes;
};
