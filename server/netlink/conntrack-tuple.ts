import { type cta, ctaIp, ctaProtocol, ctaTuple } from './conntrack-attributes.ts';
import { addressFamilies, formatIpAddressBytes, type IpFamily, ipAddressToBytes } from './ip-address.ts';
import {
  MalformedNetlinkMessage,
  type NetlinkAttributeReader,
  type NetlinkMessageWriter,
} from './message.ts';
import { attributeBigEndian16, encodeNfgenmsg, readBigEndian16 } from './netfilter-message.ts';

/** IP protocols by number, <linux/in.h>; those whose tuples have ports or, for ICMP, an id. */
const protocolNames = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [33, 'dccp'],
  [47, 'gre'],
  [58, 'icmpv6'],
  [132, 'sctp'],
  [136, 'udplite'],
]);
const IPPROTO_ICMPV6 = 58;

/** Identifies the packets of one direction of a connection, as they are before (original) or after (reply) NAT. */
export interface ConntrackTuple {
  family: IpFamily;
  source: string;
  destination: string;
  /** IP protocol number. */
  protocol: number;
  /** Ports, or the keys of GRE; null for protocols without ports. */
  ports: { source: number; destination: number } | null;
  /** Identifies an ICMP exchange; null for other protocols. */
  icmp: { id: number; type: number; code: number } | null;
  /** Zone of this direction alone (CTA_TUPLE_ZONE); null if the entry has one zone for both or none. */
  zone: number | null;
}

/** Parses the attributes of CTA_TUPLE_ORIG, CTA_TUPLE_REPLY or CTA_TUPLE_MASTER. @throws MalformedNetlinkMessage */
export function parseConntrackTuple(attributes: NetlinkAttributeReader, family: IpFamily): ConntrackTuple {
  const tuple: ConntrackTuple = {
    family,
    source: '',
    destination: '',
    protocol: 0,
    ports: null,
    icmp: null,
    zone: null,
  };
  while (attributes.next()) {
    if (attributes.type === ctaTuple.ip) parseAddresses(tuple, attributes.nested());
    else if (attributes.type === ctaTuple.protocol) parseProtocol(tuple, attributes.nested());
    else if (attributes.type === ctaTuple.zone) tuple.zone = readBigEndian16(attributes);
  }
  if (tuple.source === '' || tuple.destination === '')
    throw new MalformedNetlinkMessage('conntrack tuple without addresses');
  return tuple;
}

function parseAddresses(tuple: ConntrackTuple, attributes: NetlinkAttributeReader): void {
  while (attributes.next()) {
    const { type } = attributes;
    if (type === ctaIp.ipv4Source || type === ctaIp.ipv6Source)
      tuple.source = formatIpAddressBytes(attributes.bytes());
    else if (type === ctaIp.ipv4Destination || type === ctaIp.ipv6Destination)
      tuple.destination = formatIpAddressBytes(attributes.bytes());
  }
}

function parseProtocol(tuple: ConntrackTuple, attributes: NetlinkAttributeReader): void {
  const ports = { source: 0, destination: 0 };
  const icmp = { id: 0, type: 0, code: 0 };
  while (attributes.next())
    switch (attributes.type) {
      case ctaProtocol.number:
        tuple.protocol = attributes.u8();
        break;
      case ctaProtocol.sourcePort:
        ports.source = readBigEndian16(attributes);
        tuple.ports = ports;
        break;
      case ctaProtocol.destinationPort:
        ports.destination = readBigEndian16(attributes);
        tuple.ports = ports;
        break;
      case ctaProtocol.icmpId:
      case ctaProtocol.icmpv6Id:
        icmp.id = readBigEndian16(attributes);
        tuple.icmp = icmp;
        break;
      case ctaProtocol.icmpType:
      case ctaProtocol.icmpv6Type:
        icmp.type = attributes.u8();
        break;
      case ctaProtocol.icmpCode:
      case ctaProtocol.icmpv6Code:
        icmp.code = attributes.u8();
    }
}

/** Writes the struct nfgenmsg of a request for a tuple. */
export const encodeTupleFamily = (message: NetlinkMessageWriter, { family }: ConntrackTuple): void =>
  encodeNfgenmsg(message, addressFamilies[family]);

/** Writes a tuple as attribute CTA_TUPLE_ORIG or CTA_TUPLE_REPLY. */
export function encodeConntrackTuple(
  message: NetlinkMessageWriter,
  type: typeof cta.tupleOriginal | typeof cta.tupleReply,
  tuple: ConntrackTuple,
): void {
  const nest = message.openNest(type);
  const ipv4 = tuple.family === 'ipv4';
  const addresses = message.openNest(ctaTuple.ip);
  message.attributeBytes(ipv4 ? ctaIp.ipv4Source : ctaIp.ipv6Source, ipAddressToBytes(tuple.source));
  message.attributeBytes(
    ipv4 ? ctaIp.ipv4Destination : ctaIp.ipv6Destination,
    ipAddressToBytes(tuple.destination),
  );
  message.closeNest(addresses);
  const protocol = message.openNest(ctaTuple.protocol);
  message.attributeU8(ctaProtocol.number, tuple.protocol);
  if (tuple.ports) {
    attributeBigEndian16(message, ctaProtocol.sourcePort, tuple.ports.source);
    attributeBigEndian16(message, ctaProtocol.destinationPort, tuple.ports.destination);
  }
  if (tuple.icmp) {
    const version6 = tuple.protocol === IPPROTO_ICMPV6;
    attributeBigEndian16(message, version6 ? ctaProtocol.icmpv6Id : ctaProtocol.icmpId, tuple.icmp.id);
    message.attributeU8(version6 ? ctaProtocol.icmpv6Type : ctaProtocol.icmpType, tuple.icmp.type);
    message.attributeU8(version6 ? ctaProtocol.icmpv6Code : ctaProtocol.icmpCode, tuple.icmp.code);
  }
  message.closeNest(protocol);
  if (tuple.zone !== null) attributeBigEndian16(message, ctaTuple.zone, tuple.zone);
  message.closeNest(nest);
}

/**
 * Returns the tuple that replies have if nothing is translated: addresses and ports swapped, the ICMP id kept.
 * @param reply the entry's own reply tuple, which has the reply's ICMP type and zone
 */
export const invertConntrackTuple = (original: ConntrackTuple, reply: ConntrackTuple): ConntrackTuple => ({
  family: original.family,
  source: original.destination,
  destination: original.source,
  protocol: original.protocol,
  ports: original.ports && { source: original.ports.destination, destination: original.ports.source },
  icmp: original.icmp && reply.icmp && { id: original.icmp.id, type: reply.icmp.type, code: reply.icmp.code },
  zone: reply.zone,
});

/** Formats a tuple as `tcp 10.9.0.2:40312 → 10.9.0.1:30080`, with its zone if it has one of its own. */
export function formatConntrackTuple(tuple: ConntrackTuple): string {
  const end = (address: string, port: number | undefined): string =>
    port === undefined ? address : `${tuple.family === 'ipv6' ? `[${address}]` : address}:${port}`;
  return [
    protocolNames.get(tuple.protocol) ?? `protocol ${tuple.protocol}`,
    end(tuple.source, tuple.ports?.source),
    '→',
    end(tuple.destination, tuple.ports?.destination),
    ...(tuple.icmp ? [`type ${tuple.icmp.type} code ${tuple.icmp.code} id ${tuple.icmp.id}`] : []),
    ...(tuple.zone === null ? [] : [`zone ${tuple.zone}`]),
  ].join(' ');
}
