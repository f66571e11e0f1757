import { parseAddress } from '../../../contract/cidr.ts';
import type { PacketObservation } from '../../../server/trace/packet-correlator.ts';
import { type DecodedPacketHeaders, decodePacketHeaders } from '../../../server/trace/packet-headers.ts';

/** Bytes of packets, from the network header on. */

const addressBytes = (text: string): Buffer => {
  const { family, value } = parseAddress(text);
  return Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex');
};

export interface PacketParts {
  source: string;
  destination: string;
  protocol: number;
  /** Layer 4, payload included. */
  payload: Buffer;
  ttl?: number;
  identification?: number;
}

export function packet({
  source,
  destination,
  protocol,
  payload,
  ttl = 64,
  identification = 0,
}: PacketParts): Buffer {
  if (parseAddress(source).family === 6) {
    const header = Buffer.alloc(40);
    header.writeUInt32BE((6 << 28) | identification, 0);
    header.writeUInt16BE(payload.length, 4);
    header.writeUInt8(protocol, 6);
    header.writeUInt8(ttl, 7);
    addressBytes(source).copy(header, 8);
    addressBytes(destination).copy(header, 24);
    return Buffer.concat([header, payload]);
  }
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(20 + payload.length, 2);
  header.writeUInt16BE(identification, 4);
  header.writeUInt8(ttl, 8);
  header.writeUInt8(protocol, 9);
  addressBytes(source).copy(header, 12);
  addressBytes(destination).copy(header, 16);
  return Buffer.concat([header, payload]);
}

export function udp(sourcePort: number, destinationPort: number, bytes = 4): Buffer {
  const header = Buffer.alloc(8 + bytes);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(destinationPort, 2);
  header.writeUInt16BE(8 + bytes, 4);
  return header;
}

export function tcp(sourcePort: number, destinationPort: number, flags: number, sequence = 1): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(destinationPort, 2);
  header.writeUInt32BE(sequence, 4);
  header.writeUInt8(5 << 4, 12);
  header.writeUInt8(flags, 13);
  return header;
}

export function echo(type: number, identifier: number, sequence: number): Buffer {
  const message = Buffer.alloc(64);
  message.writeUInt8(type, 0);
  message.writeUInt16BE(identifier, 4);
  message.writeUInt16BE(sequence, 6);
  return message;
}

export const headersOf = (parts: PacketParts): DecodedPacketHeaders => decodePacketHeaders(packet(parts))!;

/** A run of `from_pod` on slot 1 that passed, unless said otherwise. */
export const observation = (
  headers: DecodedPacketHeaders,
  more: Partial<PacketObservation> = {},
): PacketObservation => ({
  timeNs: 0n,
  where: 'from-pod',
  slot: 1,
  owner: 1,
  hook: 'tcx/ingress',
  verdict: 'passed',
  reason: null,
  rule: 0,
  target: null,
  headers,
  ...more,
});
