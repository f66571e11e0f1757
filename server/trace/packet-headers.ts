import { formatIpAddress } from '../../contract/cidr.ts';
import { formatEthertype } from '../../contract/ethertypes.ts';
import type { PacketHeaders } from '../../contract/verdict.ts';
import type { PodNameResolver } from './pod-name-resolver.ts';

/** Network and transport headers of a packet, decoded from its first bytes. */
export interface DecodedPacketHeaders {
  family: 4 | 6;
  source: string;
  destination: string;
  /** IP protocol number of the packet; for IPv6, the last next-header value. */
  protocol: number;
  /** Source port; null for protocols without ports, later fragments and truncated packets. */
  sourcePort: number | null;
  destinationPort: number | null;
  ttl: number;
  /** Length of the network packet in bytes, from its header; 0 for a GSO packet larger than 64 KiB. */
  length: number;
  /** IPv4 identification, or the IPv6 flow label, which all packets of a flow share. */
  identification: number;
  /** Fragment offset in bytes; 0 for first fragments and unfragmented packets. */
  fragmentOffset: number;
  tcp: { flags: number; sequence: number; acknowledgement: number } | null;
  /** `identifier` and `sequence` of ICMP echo messages; meaningless for other messages. */
  icmp: { type: number; code: number; identifier: number; sequence: number } | null;
}

const tcp = 6;
const udp = 17;
const sctp = 132;
const icmp = 1;
const icmpv6 = 58;
const fragmentHeader = 44;
const authenticationHeader = 51;
/**
 * IPv6 extension headers with the common layout (next header, length in 8-byte units): hop-by-hop, routing, destination
 * options, mobility.
 */
const optionHeaders = new Set([0, 43, 60, 135]);

/** Decodes packet bytes that start at the network header; null if the IP header is incomplete. */
export function decodePacketHeaders(bytes: Buffer): DecodedPacketHeaders | null {
  const version = bytes.length > 0 ? bytes[0]! >> 4 : 0;
  if (version === 4 && bytes.length >= 20) return decode4(bytes);
  return version === 6 && bytes.length >= 40 ? decode6(bytes) : null;
}

const addressAt = (bytes: Buffer, at: number, length: 4 | 16): string =>
  formatIpAddress({
    family: length === 4 ? 4 : 6,
    value: BigInt(`0x${bytes.subarray(at, at + length).toString('hex')}`),
  });

/** Decodes an IPv4 header (RFC 791). */
function decode4(bytes: Buffer): DecodedPacketHeaders {
  const fragmentOffset = (bytes.readUInt16BE(6) & 0x1fff) * 8;
  const protocol = bytes[9]!;
  return {
    family: 4,
    source: addressAt(bytes, 12, 4),
    destination: addressAt(bytes, 16, 4),
    protocol,
    ttl: bytes[8]!,
    length: bytes.readUInt16BE(2),
    identification: bytes.readUInt16BE(4),
    fragmentOffset,
    ...transport(protocol, fragmentOffset > 0 ? Buffer.alloc(0) : bytes.subarray((bytes[0]! & 15) * 4)),
  };
}

/** Decodes an IPv6 header with its extension headers (RFC 8200). */
function decode6(bytes: Buffer): DecodedPacketHeaders {
  let [protocol, at, fragmentOffset] = [bytes[6]!, 40, 0];
  while (at + 8 <= bytes.length) {
    if (protocol === fragmentHeader) {
      fragmentOffset = bytes.readUInt16BE(at + 2) & 0xfff8;
      [protocol, at] = [bytes[at]!, at + 8];
      if (fragmentOffset > 0) break;
    } else if (optionHeaders.has(protocol)) [protocol, at] = [bytes[at]!, at + (bytes[at + 1]! + 1) * 8];
    else if (protocol === authenticationHeader) [protocol, at] = [bytes[at]!, at + (bytes[at + 1]! + 2) * 4];
    else break;
  }
  return {
    family: 6,
    source: addressAt(bytes, 8, 16),
    destination: addressAt(bytes, 24, 16),
    protocol,
    ttl: bytes[7]!,
    length: bytes.readUInt16BE(4) === 0 ? 0 : bytes.readUInt16BE(4) + 40,
    identification: bytes.readUInt32BE(0) & 0xfffff,
    fragmentOffset,
    ...transport(protocol, fragmentOffset > 0 ? Buffer.alloc(0) : bytes.subarray(at)),
  };
}

type Transport = Pick<DecodedPacketHeaders, 'sourcePort' | 'destinationPort' | 'tcp' | 'icmp'>;

function transport(protocol: number, bytes: Buffer): Transport {
  const found: Transport = { sourcePort: null, destinationPort: null, tcp: null, icmp: null };
  if ((protocol === tcp || protocol === udp || protocol === sctp) && bytes.length >= 4) {
    found.sourcePort = bytes.readUInt16BE(0);
    found.destinationPort = bytes.readUInt16BE(2);
    if (protocol === tcp && bytes.length >= 14)
      found.tcp = {
        sequence: bytes.readUInt32BE(4),
        acknowledgement: bytes.readUInt32BE(8),
        flags: bytes[13]!,
      };
  }
  if ((protocol === icmp || protocol === icmpv6) && bytes.length >= 8)
    found.icmp = {
      type: bytes[0]!,
      code: bytes[1]!,
      identifier: bytes.readUInt16BE(4),
      sequence: bytes.readUInt16BE(6),
    };
  return found;
}

const protocolNames: Record<number, string> = {
  [icmp]: 'icmp',
  [tcp]: 'tcp',
  [udp]: 'udp',
  [icmpv6]: 'icmpv6',
  [sctp]: 'sctp',
};
export const formatProtocolName = (protocol: number): string => protocolNames[protocol] ?? String(protocol);

/** Letters of the TCP flags as tcpdump prints them, from the lowest bit. */
const flagLetters = 'FSRP.UEW';
/** Formats TCP flags as tcpdump does, with the acknowledgement last: `S.` for SYN and ACK. */
export function formatTcpFlags(flags: number): string {
  const set = [...flagLetters].filter((_, bit) => flags & (1 << bit));
  return [...set.filter((letter) => letter !== '.'), ...set.filter((letter) => letter === '.')].join('');
}

/** Ethertypes of IPv4 and IPv6, <linux/if_ether.h>. */
export const ethertypesByFamily = { 4: 0x0800, 6: 0x86dd } as const;

/**
 * Returns a frame that is not IP in the API format.
 * @param length size of the frame in bytes, without its Ethernet header
 */
export function toFrameResponse(ethertype: number, length: number): PacketHeaders {
  const name = formatEthertype(ethertype);
  const end = { address: '', port: null, pod: null };
  return {
    family: null,
    ethertype: name,
    protocol: 0,
    protocolName: name,
    length,
    source: end,
    destination: end,
    icmp: null,
    tcpFlags: null,
  };
}

/**
 * Converts packet headers to the API format and adds the pods of the addresses.
 * @param length size of the network packet in bytes
 */
export function toPacketHeadersResponse(
  headers: Pick<
    DecodedPacketHeaders,
    'family' | 'source' | 'destination' | 'protocol' | 'sourcePort' | 'destinationPort'
  > & {
    tcp: Pick<NonNullable<DecodedPacketHeaders['tcp']>, 'flags'> | null;
    icmp: Pick<NonNullable<DecodedPacketHeaders['icmp']>, 'type' | 'code'> | null;
  },
  length: number,
  names: Pick<PodNameResolver, 'endpoint'>,
): PacketHeaders {
  const { family, protocol, source, destination, sourcePort, destinationPort, tcp, icmp } = headers;
  return {
    family,
    ethertype: formatEthertype(ethertypesByFamily[family]),
    protocol,
    protocolName: formatProtocolName(protocol),
    length,
    source: names.endpoint(source, sourcePort),
    destination: names.endpoint(destination, destinationPort),
    icmp: icmp && { type: icmp.type, code: icmp.code },
    tcpFlags: tcp && formatTcpFlags(tcp.flags),
  };
}
