import { readFileSync } from 'node:fs';
import { isNetlinkError } from './error.ts';
import { type Family, addressFamily, familyOfNumber, formatAddress } from './ip-address.ts';
import type { MessageReader, MessageWriter } from './message.ts';
import { withNamespace } from './setns.ts';
import { NetlinkSocket } from './socket.ts';

/** <linux/sock_diag.h>, <linux/inet_diag.h>, <linux/packet_diag.h>, <linux/in.h> */
const SOCK_DIAG_BY_FAMILY = 20;
const INET_DIAG_REQ_BYTECODE = 1;
const INET_DIAG_BC_DEV_COND = 9;
const AF_PACKET = 17;
const PACKET_SHOW_INFO = 1;
const PACKET_DIAG_INFO = 0;
const inetMessageBytes = 72;
const packetMessageBytes = 16;
const protocols = { tcp: 6, udp: 17, udplite: 136, raw: 255 } as const;
/** All TCP states but TIME_WAIT, which belongs to no process any more. */
const liveStates = 0xffff_ffff & ~(1 << 6);
const families = ['ipv4', 'ipv6'] as const;
/** Tables that say whether there are sockets of a protocol that the kernel cannot tell more of. */
const tables: Partial<Record<SocketProtocol, readonly string[]>> = {
  udplite: ['udplite', 'udplite6'],
  raw: ['raw', 'raw6'],
  packet: ['packet'],
};

export type SocketProtocol = keyof typeof protocols | 'packet';

/** A socket that sends and receives through one interface only: SO_BINDTODEVICE, or bind(2) of a packet socket. */
export interface BoundSocket {
  protocol: SocketProtocol;
  /** null for packet sockets */
  family: Family | null;
  /** `10.42.0.33:80`, `[fd00::33]:80`; null for packet sockets. The port of raw ones is the IP protocol */
  local: string | null;
  /** null when it is not connected */
  remote: string | null;
  ifindex: number;
  /** of the socket, as in `socket:[4711]` of /proc/PID/fd */
  inode: number;
}

export interface BoundSockets {
  sockets: BoundSocket[];
  /** protocols of which there are sockets, but the kernel cannot tell to what they are bound (no raw_diag, …) */
  unreadable: SocketProtocol[];
}

/**
 * Sockets of a namespace that are bound to an interface of it, and so do not go on working on another one. TCP sockets
 * that neither listen nor connect are not known to the kernel by their namespace (TCP_BOUND_INACTIVE: since 6.8).
 * @throws NetlinkError
 */
export async function listBoundSockets(namespaceFd: number, ifindex: number): Promise<BoundSockets> {
  using socket = NetlinkSocket.inNamespace(namespaceFd, 'sock-diag');
  const sockets: BoundSocket[] = [];
  const untold: SocketProtocol[] = [];
  for (const protocol of [...inetProtocols, 'packet'] as const) {
    try {
      sockets.push(...(await boundTo(socket, protocol, ifindex)));
    } catch (error) {
      if (!isNetlinkError(error, 'ENOENT', 'EOPNOTSUPP', 'EINVAL')) throw error;
      if (tables[protocol]?.some((table) => hasEntries(namespaceFd, table))) untold.push(protocol);
    }
  }
  return { sockets, unreadable: untold };
}

const inetProtocols = Object.keys(protocols) as (keyof typeof protocols)[];

async function boundTo(
  socket: NetlinkSocket,
  protocol: SocketProtocol,
  ifindex: number,
): Promise<BoundSocket[]> {
  const found = [];
  for (const kind of protocol === 'packet' ? [null] : families)
    found.push(
      await socket.dump(
        {
          operation: `dump ${protocol} sockets`,
          type: SOCK_DIAG_BY_FAMILY,
          encode: (message) =>
            protocol === 'packet' || kind === null
              ? encodePacketDiag(message)
              : encodeInetDiag(message, kind, protocols[protocol], ifindex),
        },
        (message) => parseSocket(message, protocol),
      ),
    );
  return found.flat().filter((each) => each.ifindex === ifindex);
}

/**
 * struct inet_diag_req_v2: u8 family, protocol, extensions, pad; u32 states; struct inet_diag_sockid of 48 bytes. A
 * byte code lets through what is bound to the interface: struct inet_diag_bc_op (u8 code, u8 yes, u16 no), u32 ifindex.
 */
function encodeInetDiag(message: MessageWriter, kind: Family, protocol: number, ifindex: number): void {
  message
    .u8(addressFamily[kind])
    .u8(protocol)
    .u8(0)
    .u8(0)
    .u32(liveStates >>> 0);
  for (let word = 0; word < 12; word++) message.u32(0);
  const code = Buffer.alloc(8);
  code.writeUInt8(INET_DIAG_BC_DEV_COND, 0);
  code.writeUInt8(code.length, 1);
  // Beyond the end: not this one.
  code.writeUInt16LE(code.length + 4, 2);
  code.writeUInt32LE(ifindex, 4);
  message.attributeBytes(INET_DIAG_REQ_BYTECODE, code);
}

/** struct packet_diag_req: u8 family, protocol, u16 pad, u32 inode, show, cookie[2]. */
const encodePacketDiag = (message: MessageWriter): void => {
  message.u8(AF_PACKET).u8(0).u16(0).u32(0).u32(PACKET_SHOW_INFO).u32(0).u32(0);
};

/** Reads what sock_diag answers; null for a socket that is bound to no interface. @throws MalformedMessage */
export function parseSocket(message: MessageReader, protocol: SocketProtocol): BoundSocket | null {
  return protocol === 'packet' ? parsePacket(message) : parseInet(message, protocol);
}

/**
 * struct inet_diag_msg: u8 family, state, timer, retransmits; sockid: be16 source and destination port, source@8 and
 * destination@24 address of 16 bytes, u32 interface@40, cookie; then u32 expires@52, two queues, uid, inode@68.
 */
function parseInet(message: MessageReader, protocol: keyof typeof protocols): BoundSocket | null {
  message.attributes(inetMessageBytes);
  const { buffer, start } = message;
  const kind = familyOfNumber(buffer[start]!);
  const ifindex = buffer.readUInt32LE(start + 40);
  if (kind === null || ifindex === 0) return null;
  const bytes = kind === 'ipv4' ? 4 : 16;
  const end = (address: number, port: number): string => {
    const text = formatAddress(buffer.subarray(start + address, start + address + bytes));
    return `${kind === 'ipv4' ? text : `[${text}]`}:${buffer.readUInt16BE(start + port)}`;
  };
  const connected = buffer.subarray(start + 24, start + 24 + bytes).some((byte) => byte !== 0);
  return {
    protocol,
    family: kind,
    local: end(8, 4),
    remote: connected ? end(24, 6) : null,
    ifindex,
    inode: buffer.readUInt32LE(start + 68),
  };
}

/** struct packet_diag_msg: u8 family, type, u16 protocol, u32 inode, cookie[2]; PACKET_DIAG_INFO begins with u32 ifindex. */
function parsePacket(message: MessageReader): BoundSocket | null {
  const attributes = message.attributes(packetMessageBytes);
  let ifindex = 0;
  while (attributes.next()) if (attributes.type === PACKET_DIAG_INFO) ifindex = attributes.u32();
  if (ifindex === 0) return null;
  const inode = message.buffer.readUInt32LE(message.start + 4);
  return { protocol: 'packet', family: null, local: null, remote: null, ifindex, inode };
}

/** Whether /proc/net/TABLE has more than its heading. */
const hasEntries = (namespaceFd: number, table: string): boolean =>
  withNamespace(namespaceFd, () => {
    try {
      return readFileSync(`/proc/thread-self/net/${table}`, 'latin1').trimEnd().includes('\n');
    } catch {
      return false;
    }
  });
