import type { IpFamily } from '../../netlink/ip-address.ts';

/**
 * ICMP message types: ICMP_ECHO and ICMP_ECHOREPLY (RFC 792), ICMPV6_ECHO_REQUEST and ICMPV6_ECHO_REPLY (RFC 4443).
 */
const types = { ipv4: { request: 8, reply: 0 }, ipv6: { request: 128, reply: 129 } } as const;
const headerBytes = 8;

/** Identity of an ICMP echo: the identifier belongs to the socket, and the nonce to the probe. */
export interface IcmpEcho {
  identifier: number;
  sequence: number;
  nonce: bigint;
}

/**
 * Encodes an echo request: u8 type, u8 code, u16 checksum, u16 identifier, u16 sequence, u64 nonce. The kernel fills in
 * the checksum of ICMPv6.
 */
export function encodeEchoRequest(family: IpFamily, { identifier, sequence, nonce }: IcmpEcho): Buffer {
  const message = Buffer.alloc(headerBytes + 8);
  message.writeUInt8(types[family].request, 0);
  message.writeUInt16BE(identifier, 4);
  message.writeUInt16BE(sequence, 6);
  message.writeBigUInt64BE(nonce, headerBytes);
  if (family === 'ipv4') message.writeUInt16BE(computeInternetChecksum(message), 2);
  return message;
}

/**
 * Decodes a packet that a raw socket received: ICMPv4 with its IP header, ICMPv6 without one.
 * @returns null for any other packet than an echo reply with a nonce
 */
export function decodeEchoReply(family: IpFamily, packet: Buffer): IcmpEcho | null {
  const at = family === 'ipv4' && packet.length > 0 ? (packet[0]! & 0xf) * 4 : 0;
  if (packet.length < at + headerBytes + 8 || packet[at] !== types[family].reply) return null;
  return {
    identifier: packet.readUInt16BE(at + 4),
    sequence: packet.readUInt16BE(at + 6),
    nonce: packet.readBigUInt64BE(at + headerBytes),
  };
}

/** Computes the Internet checksum (RFC 1071). */
export function computeInternetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Opcodes of classic BPF, <linux/bpf_common.h>. */
const ldxMsh = 0xb1; // X = 4 * (P[k] & 0xf)
const ldHalfX = 0x48; // A = half word at P[X + k]
const ldHalf = 0x28;
const jumpEqual = 0x15;
const ret = 0x06;

/**
 * Builds struct sock_filter instructions (u16 code, u8 jt, u8 jf, u32 k) that pass only messages with the identifier,
 * so that answers to other programs of the node do not wake the agent.
 */
export function buildEchoIdentifierFilter(family: IpFamily, identifier: number): Buffer {
  const program = [
    ...(family === 'ipv4'
      ? [
          [ldxMsh, 0, 0, 0],
          [ldHalfX, 0, 0, 4],
        ]
      : [[ldHalf, 0, 0, 4]]),
    [jumpEqual, 0, 1, identifier],
    [ret, 0, 0, 0xffff_ffff],
    [ret, 0, 0, 0],
  ] as const;
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, yes, no, k], i) => {
    bytes.writeUInt16LE(code!, i * 8);
    bytes.writeUInt8(yes!, i * 8 + 2);
    bytes.writeUInt8(no!, i * 8 + 3);
    bytes.writeUInt32LE(k!, i * 8 + 4);
  });
  return bytes;
}
