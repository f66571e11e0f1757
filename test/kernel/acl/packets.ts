import { addressBitLength, type IpAddress } from '../../../contract/cidr.ts';
import { ipProtocolNumbers } from '../../../server/acl/spec/policy-packet.ts';

export interface Packet {
  source: IpAddress;
  destination: IpAddress;
  protocol: number;
  sourcePort?: number;
  destinationPort?: number;
  /** FIN 1, SYN 2, RST 4, ACK 16. */
  tcpFlags?: number;
  icmp?: { type: number; code?: number; id?: number };
  hopLimit?: number;
  /** `offset` in units of 8 bytes. */
  fragment?: { id: number; offset: number; more: boolean };
  /** Next headers of IPv6 in front of the protocol, each of 8 bytes. */
  extensions?: number[];
  /** Of SCTP: the tag that the receiver knows its own packets by, and what follows the header. */
  sctp?: { verificationTag: number; chunk: Buffer };
  /** What an ICMP error quotes: a network packet. */
  quoted?: Buffer;
}

export const tcp = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

function bytesOf({ family, value }: IpAddress): Buffer {
  return Buffer.from(value.toString(16).padStart(addressBitLength(family) / 4, '0'), 'hex');
}

/** Layer 4 with its header and nothing behind it. */
function transport(packet: Packet): Buffer {
  const { protocol, sourcePort = 0, destinationPort = 0, icmp, tcpFlags = 0, quoted } = packet;
  const { tcp, udp, sctp } = ipProtocolNumbers;
  if (protocol === tcp || protocol === udp || protocol === sctp) {
    const header = Buffer.alloc(protocol === tcp ? 20 : protocol === udp ? 8 : 12);
    header.writeUInt16BE(sourcePort, 0);
    header.writeUInt16BE(destinationPort, 2);
    if (protocol === tcp) header.set([5 << 4, tcpFlags], 12);
    if (protocol === udp) header.writeUInt16BE(8, 4);
    if (packet.sctp) header.writeUInt32BE(packet.sctp.verificationTag, 4);
    return packet.sctp ? Buffer.concat([header, packet.sctp.chunk]) : header;
  }
  const header = Buffer.alloc(20);
  if (icmp) header.set([icmp.type, icmp.code ?? 0, 0, 0, (icmp.id ?? 0) >> 8, (icmp.id ?? 0) & 255]);
  return quoted ? Buffer.concat([header.subarray(0, 8), quoted]) : header;
}

/** From the network header on. */
export function networkPacket(packet: Packet): Buffer {
  const { source, destination, protocol, hopLimit = 64, fragment, extensions = [] } = packet;
  const payload = transport(packet);
  if (source.family === 4) {
    const header = Buffer.alloc(20);
    header[0] = 0x45;
    header.writeUInt16BE(20 + payload.length, 2);
    if (fragment) {
      header.writeUInt16BE(fragment.id, 4);
      header.writeUInt16BE((fragment.more ? 0x2000 : 0) | fragment.offset, 6);
    }
    header.set([hopLimit, protocol], 8);
    bytesOf(source).copy(header, 12);
    bytesOf(destination).copy(header, 16);
    return Buffer.concat([header, payload]);
  }
  const headers = [...extensions, ...(fragment ? [44] : [])];
  const header = Buffer.alloc(40);
  header[0] = 6 << 4;
  header.writeUInt16BE(headers.length * 8 + payload.length, 4);
  header.set([headers[0] ?? protocol, hopLimit], 6);
  bytesOf(source).copy(header, 8);
  bytesOf(destination).copy(header, 24);
  const between = headers.map((kind, i) => {
    const extension = Buffer.alloc(8);
    extension[0] = headers[i + 1] ?? protocol;
    if (kind === 44 && fragment) {
      extension.writeUInt16BE((fragment.offset << 3) | (fragment.more ? 1 : 0), 2);
      extension.writeUInt32BE(fragment.id, 4);
    }
    return extension;
  });
  return Buffer.concat([header, ...between, payload]);
}

/** From the Ethernet header on. */
export function frame(packet: Packet): Buffer {
  const header = Buffer.alloc(14);
  header.writeUInt16BE(packet.source.family === 4 ? 0x0800 : 0x86dd, 12);
  return Buffer.concat([header, networkPacket(packet)]);
}

/** Returns the checksum of an IPv4 header whose own is 0. */
export function ipv4Checksum(header: Buffer): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += header.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
