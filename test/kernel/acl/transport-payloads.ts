import { computeInternetChecksum } from '../../../server/datapath/echo/icmp-message.ts';
import type { RawFamily } from '../../testbed/raw-socket.ts';

/** A conversation over an IP protocol: what the client and the server send in turn. */
export interface Conversation {
  protocol: number;
  /** The first packets in turn, client first, that make the connection known to the kernel's conntrack. */
  opening: Buffer[];
  /** What is said when it is open. @param number tells packets apart */
  request(number: number): Buffer;
  answer(number: number): Buffer;
}

/** Computes CRC-32C as SCTP has it (RFC 9260 appendix A). */
function crc32c(bytes: Buffer): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}

const sctpPorts = { client: 5000, server: 6000 } as const;
const tags = { client: 0x0101_0101, server: 0x0202_0202 } as const;

/** Encodes an SCTP packet with one chunk: ports, verification tag, checksum; type, flags, length, value. */
function sctp(from: keyof typeof sctpPorts, tag: number, type: number, value: Buffer): Buffer {
  const packet = Buffer.alloc(16 + Math.ceil(value.length / 4) * 4);
  packet.writeUInt16BE(sctpPorts[from], 0);
  packet.writeUInt16BE(sctpPorts[from === 'client' ? 'server' : 'client'], 2);
  packet.writeUInt32BE(tag, 4);
  packet.writeUInt8(type, 12);
  packet.writeUInt8(type === 0 ? 3 : 0, 13);
  packet.writeUInt16BE(4 + value.length, 14);
  value.copy(packet, 16);
  packet.writeUInt32LE(crc32c(packet), 8);
  return packet;
}

/** Value of INIT and INIT ACK: initiate tag, window, streams, initial TSN. */
function initValue(tag: number): Buffer {
  const value = Buffer.alloc(16);
  value.writeUInt32BE(tag, 0);
  value.writeUInt32BE(65_536, 4);
  value.writeUInt16BE(1, 8);
  value.writeUInt16BE(1, 10);
  value.writeUInt32BE(1, 12);
  return value;
}

/** Value of a DATA chunk: TSN, stream, sequence, payload protocol, data. */
function dataValue(number: number): Buffer {
  const value = Buffer.alloc(16);
  value.writeUInt32BE(number, 0);
  value.writeUInt32BE(number, 12);
  return value;
}

function echo(family: RawFamily, isRequest: boolean, sequence: number): Buffer {
  const types = family === 'IPv4' ? { request: 8, answer: 0 } : { request: 128, answer: 129 };
  const message = Buffer.alloc(16);
  message.writeUInt8(isRequest ? types.request : types.answer, 0);
  message.writeUInt16BE(77, 4);
  message.writeUInt16BE(sequence & 0xffff, 6);
  message.writeUInt32BE(sequence, 8);
  if (family === 'IPv4') message.writeUInt16BE(computeInternetChecksum(message), 2);
  return message;
}

/** Encodes what no kernel looks into. @param side 1 for the client, 2 for the server */
function plain(prefix: readonly number[], side: number, number: number): Buffer {
  const payload = Buffer.alloc(16);
  payload.set(prefix, 0);
  payload.writeUInt8(side, 8);
  payload.writeUInt32BE(number, 12);
  return payload;
}

/** Lists a conversation for each protocol that is tried, by name. */
export const listConversations = (family: RawFamily): Record<string, Conversation> => ({
  'ICMP echo': {
    protocol: family === 'IPv4' ? 1 : 58,
    opening: [echo(family, true, 1), echo(family, false, 1)],
    request: (number) => echo(family, true, number),
    answer: (number) => echo(family, false, number),
  },
  SCTP: {
    protocol: 132,
    opening: [
      sctp('client', 0, 1, initValue(tags.client)),
      sctp('server', tags.client, 2, initValue(tags.server)),
      sctp('client', tags.server, 10, Buffer.alloc(8, 1)),
      sctp('server', tags.client, 11, Buffer.alloc(0)),
    ],
    request: (number) => sctp('client', tags.server, 0, dataValue(number)),
    answer: (number) => sctp('server', tags.client, 0, dataValue(number)),
  },
  // Version 0, of an unknown protocol.
  GRE: {
    protocol: 47,
    opening: [plain([0, 0, 0x88, 0xb5], 1, 0), plain([0, 0, 0x88, 0xb5], 2, 0)],
    request: (number) => plain([0, 0, 0x88, 0xb5], 1, number),
    answer: (number) => plain([0, 0, 0x88, 0xb5], 2, number),
  },
  // For experiments (RFC 3692): no kernel knows its ports.
  'protocol 253': {
    protocol: 253,
    opening: [plain([], 1, 0), plain([], 2, 0)],
    request: (number) => plain([], 1, number),
    answer: (number) => plain([], 2, number),
  },
});
