import {
  conntrackMessages,
  conntrackStatus,
  conntrackTcpFlags,
  cta,
  ctaNat,
  ctaProtocolInfo,
  ctaProtocolInfoTcp,
  ctaProtocolNat,
} from './conntrack-attributes.ts';
import { type ConntrackEntry, formatConntrackEntry } from './conntrack-entry.ts';
import {
  type ConntrackTuple,
  encodeConntrackTuple,
  encodeTupleFamily,
  formatConntrackTuple,
  invertConntrackTuple,
} from './conntrack-tuple.ts';
import { ipAddressToBytes } from './ip-address.ts';
import { NetlinkAttributeReader, type NetlinkMessageWriter } from './message.ts';
import { nlmsgFlags } from './message-constants.ts';
import {
  attributeBigEndian16,
  attributeBigEndian32,
  attributeNested,
  netfilterMessageType,
} from './netfilter-message.ts';
import { nf_ct_tcp_flags } from './netlink-structs.ts';
import type { NetlinkRequest } from './socket.ts';

/** Attributes without which a connection still works, written as the kernel dumped them. */
const optionalAttributes = [
  cta.mark,
  cta.labels,
  cta.sequenceAdjustOriginal,
  cta.sequenceAdjustReply,
  cta.synproxy,
  cta.help,
  cta.tupleMaster,
] as const;
const nestedAttributes: ReadonlySet<number> = new Set([
  cta.sequenceAdjustOriginal,
  cta.sequenceAdjustReply,
  cta.synproxy,
  cta.help,
  cta.tupleMaster,
]);
/**
 * TCP flags that hold without the window of the entry that they are copied from. Of the window only the scale can be
 * set, so that MAXACK_SET, DATA_UNACKNOWLEDGED and CHALLENGE_ACK would refer to sequence numbers that are 0.
 */
const copiedTcpFlags =
  conntrackTcpFlags.windowScale |
  conntrackTcpFlags.selectiveAcknowledgement |
  conntrackTcpFlags.closeInitiated |
  conntrackTcpFlags.simultaneousOpen;

/**
 * Builds a request that deletes an entry if it is still the one that was read; the kernel answers ENOENT if not. The
 * entry is looked up by its reply tuple, because its id depends on the original tuple and on where it is in memory,
 * which is often the same for an entry that follows it, with a translation of its own.
 */
export const buildDeleteEntryRequest = (entry: ConntrackEntry): NetlinkRequest => ({
  operation: `delete conntrack entry ${formatConntrackEntry(entry)}`,
  type: netfilterMessageType('conntrack', conntrackMessages.delete),
  encode: (message) => {
    encodeTupleFamily(message, entry.original);
    encodeConntrackTuple(message, cta.tupleReply, entry.reply);
    attributeBigEndian32(message, cta.id, entry.id);
    encodeZone(message, entry);
  },
});

/** Builds a request that deletes the entry that packets of a tuple belong to, in whichever direction. */
export const buildDeleteTupleRequest = (
  tuple: ConntrackTuple,
  entry: Pick<ConntrackEntry, 'attributes'>,
): NetlinkRequest => ({
  operation: `delete the conntrack entry of ${formatConntrackTuple(tuple)}`,
  type: netfilterMessageType('conntrack', conntrackMessages.delete),
  encode: (message) => {
    encodeTupleFamily(message, tuple);
    encodeConntrackTuple(message, cta.tupleOriginal, tuple);
    encodeZone(message, entry);
  },
});

/**
 * Builds a request that creates an entry like the given one; the kernel answers EEXIST if one of its tuples is taken.
 * The kernel keeps no trace of `masquerade` in it, and so does not end it when its packets leave by another device.
 * Counters and the start time are lost, and the TCP window is no longer checked.
 * @param minimal omits what the connection works without: mark, labels, sequence adjustment, helper, master
 */
export const buildCreateEntryRequest = (entry: ConntrackEntry, minimal = false): NetlinkRequest => ({
  operation: `create conntrack entry ${formatConntrackEntry(entry)}`,
  type: netfilterMessageType('conntrack', conntrackMessages.new),
  flags: nlmsgFlags.create | nlmsgFlags.exclusive,
  encode: (message) => {
    encodeTupleFamily(message, entry.original);
    encodeConntrackTuple(message, cta.tupleOriginal, entry.original);
    // With the translated reply tuple instead, the kernel would not see that there is NAT.
    encodeConntrackTuple(message, cta.tupleReply, invertConntrackTuple(entry.original, entry.reply));
    encodeNat(message, entry);
    encodeZone(message, entry);
    attributeBigEndian32(message, cta.timeout, Math.max(1, entry.timeout));
    // The kernel refuses EXPECTED (which it sets for CTA_TUPLE_MASTER) and DYING, and ignores what else it sets itself.
    const refused = conntrackStatus.expected | conntrackStatus.dying;
    attributeBigEndian32(message, cta.status, (entry.status & ~refused) >>> 0);
    encodeProtocolInfo(message, entry);
    if (minimal) return;
    for (const type of optionalAttributes) {
      const value = entry.attributes.get(type);
      if (value === undefined) continue;
      if (nestedAttributes.has(type)) attributeNested(message, type, value);
      else message.attributeBytes(type, value);
    }
  },
});

const encodeZone = (
  message: NetlinkMessageWriter,
  { attributes }: Pick<ConntrackEntry, 'attributes'>,
): void => {
  const zone = attributes.get(cta.zone);
  if (zone !== undefined) message.attributeBytes(cta.zone, zone);
};

/** Writes the translation that turns the inverted original tuple into the entry's reply tuple. */
function encodeNat(message: NetlinkMessageWriter, { status, reply }: ConntrackEntry): void {
  if (status & conntrackStatus.destinationNat)
    encodeNatRange(message, cta.natDestination, reply.source, reply.ports?.source ?? null);
  // Also where the rules kept the source as it is: without a range the entry would not have SRC_NAT_DONE.
  if (status & conntrackStatus.sourceNatDone)
    encodeNatRange(
      message,
      cta.natSource,
      reply.destination,
      reply.ports?.destination ?? reply.icmp?.id ?? null,
    );
}

/** Writes a range of one address and, except with null, one port or ICMP id. */
function encodeNatRange(
  message: NetlinkMessageWriter,
  type: typeof cta.natSource | typeof cta.natDestination,
  address: string,
  port: number | null,
): void {
  const bytes = ipAddressToBytes(address);
  const ipv4 = bytes.length === 4;
  const nest = message.openNest(type);
  message.attributeBytes(ipv4 ? ctaNat.ipv4Minimum : ctaNat.ipv6Minimum, bytes);
  message.attributeBytes(ipv4 ? ctaNat.ipv4Maximum : ctaNat.ipv6Maximum, bytes);
  if (port !== null) {
    const protocol = message.openNest(ctaNat.protocol);
    attributeBigEndian16(message, ctaProtocolNat.minimum, port);
    attributeBigEndian16(message, ctaProtocolNat.maximum, port);
    message.closeNest(protocol);
  }
  message.closeNest(nest);
}

/** Writes CTA_PROTOINFO: that of TCP with settable flags, that of SCTP and DCCP as the kernel dumped it. */
function encodeProtocolInfo(message: NetlinkMessageWriter, { attributes }: ConntrackEntry): void {
  const value = attributes.get(cta.protocolInfo);
  if (value === undefined) return;
  const reader = new NetlinkAttributeReader(value, 0, value.length);
  if (!reader.next()) return;
  const nest = message.openNest(cta.protocolInfo);
  if (reader.type === ctaProtocolInfo.tcp) encodeTcpInfo(message, reader.nested());
  else attributeNested(message, reader.type, reader.bytes());
  message.closeNest(nest);
}

/**
 * Writes CTA_PROTOINFO_TCP. The kernel dumps the flags with mask 0, which would set none. BE_LIBERAL makes it accept
 * packets outside the window, which it has to learn anew.
 */
function encodeTcpInfo(message: NetlinkMessageWriter, attributes: NetlinkAttributeReader): void {
  const nest = message.openNest(ctaProtocolInfo.tcp);
  while (attributes.next()) {
    const { type } = attributes;
    if (type !== ctaProtocolInfoTcp.flagsOriginal && type !== ctaProtocolInfoTcp.flagsReply) {
      message.attributeBytes(type, attributes.bytes());
      continue;
    }
    const flags = Buffer.alloc(nf_ct_tcp_flags.bytes, 0);
    flags[nf_ct_tcp_flags.flags] = (attributes.u8() & copiedTcpFlags) | conntrackTcpFlags.beLiberal;
    flags[nf_ct_tcp_flags.mask] = 0xff;
    message.attributeBytes(type, flags);
  }
  message.closeNest(nest);
}
