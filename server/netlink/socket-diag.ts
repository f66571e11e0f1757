import { readFileSync } from 'node:fs';
import { addressFamilies, decodeIpFamily, formatIpAddressBytes, type IpFamily } from './ip-address.ts';
import type { NetlinkMessageReader, NetlinkMessageWriter } from './message.ts';
import { isNetlinkError } from './netlink-error.ts';
import {
  inet_diag_bc_op,
  inet_diag_msg,
  inet_diag_req_v2,
  packet_diag_info,
  packet_diag_msg,
} from './netlink-structs.ts';
import { runInNetworkNamespace } from './setns.ts';
import { NetlinkSocket } from './socket.ts';

/** Constants of <linux/sock_diag.h>, <linux/inet_diag.h>, <linux/packet_diag.h>, <linux/xdp_diag.h> and <linux/in.h>. */
const SOCK_DIAG_BY_FAMILY = 20;
const INET_DIAG_REQ_BYTECODE = 1;
const INET_DIAG_BC_DEV_COND = 9;
/**
 * Families whose sockets are bound by bind(2): packet_diag and xdp_diag have requests and answers of the same layout, and
 * the attribute that holds the ifindex.
 */
const boundFamilies = {
  packet: { family: 17, showInfo: 1, infoAttribute: 0 },
  xdp: { family: 44, showInfo: 1, infoAttribute: 1 },
} as const;
type BoundFamily = keyof typeof boundFamilies;

const protocols = { tcp: 6, udp: 17, udplite: 136, raw: 255 } as const;
/** Bit mask of all TCP states except TIME_WAIT, whose sockets no longer belong to a process. */
const liveStates = 0xffff_ffff & ~(1 << 6);
const families = ['ipv4', 'ipv6'] as const;
/** Files in /proc/net that show whether sockets of a protocol exist, for kernels that cannot list them. */
const tables: Partial<Record<SocketProtocol, readonly string[]>> = {
  udplite: ['udplite', 'udplite6'],
  raw: ['raw', 'raw6'],
  packet: ['packet'],
};

export type SocketProtocol = keyof typeof protocols | BoundFamily;

/** A socket bound to an interface with SO_BINDTODEVICE, or a packet or XDP socket bound with bind(2). */
export interface BoundSocket {
  protocol: SocketProtocol;
  /** Address family of the socket; null for packet and XDP sockets. */
  family: IpFamily | null;
  /**
   * Local address and port, such as `[fd00::33]:80`; null for packet and XDP sockets. A raw socket's port is its IP protocol.
   */
  local: string | null;
  /** Remote address and port; null if the socket is not connected. */
  remote: string | null;
  ifindex: number;
  /** Inode of the socket, as in `socket:[4711]` of /proc/PID/fd. */
  inode: number;
}

export interface BoundSockets {
  sockets: BoundSocket[];
  /** Protocols with open sockets whose binding the kernel cannot report, for example because it lacks raw_diag. */
  unreadable: SocketProtocol[];
}

/**
 * Lists the sockets of a namespace that are bound to an interface of it, and so stop working when it is replaced. TCP
 * sockets that neither listen nor connect are missing: kernels before 6.8 cannot dump them (TCP_BOUND_INACTIVE).
 * @throws NetlinkError
 */
export async function listBoundSockets(namespaceFd: number, ifindex: number): Promise<BoundSockets> {
  using socket = NetlinkSocket.inNamespace(namespaceFd, 'sock-diag');
  const sockets: BoundSocket[] = [];
  const unreadable: SocketProtocol[] = [];
  for (const protocol of [...inetProtocols, 'packet', 'xdp'] as const) {
    try {
      sockets.push(...(await boundTo(socket, protocol, ifindex)));
    } catch (error) {
      if (!isNetlinkError(error, 'ENOENT', 'EOPNOTSUPP', 'EINVAL')) throw error;
      const exist =
        protocol === 'xdp'
          ? hasXdpSockets(namespaceFd)
          : tables[protocol]?.some((table) => hasEntries(namespaceFd, table));
      if (exist) unreadable.push(protocol);
    }
  }
  return { sockets, unreadable };
}

const inetProtocols = Object.keys(protocols) as (keyof typeof protocols)[];

async function boundTo(
  socket: NetlinkSocket,
  protocol: SocketProtocol,
  ifindex: number,
): Promise<BoundSocket[]> {
  const found = [];
  for (const kind of isBoundFamily(protocol) ? [null] : families)
    found.push(
      await socket.dump(
        {
          operation: `dump ${protocol} sockets`,
          type: SOCK_DIAG_BY_FAMILY,
          encode: (message) =>
            isBoundFamily(protocol) || kind === null
              ? encodeBoundDiag(message, protocol as BoundFamily)
              : encodeInetDiag(message, kind, protocols[protocol], ifindex),
        },
        (message) => parseSocketMessage(message, protocol),
      ),
    );
  return found.flat().filter((each) => each.ifindex === ifindex);
}

/**
 * Writes struct inet_diag_req_v2 (u8 family, protocol, extensions, padding; u32 states; struct inet_diag_sockid of 48
 * bytes) and a byte code that matches sockets bound to the interface: struct inet_diag_bc_op (u8 code, u8 yes, u16 no),
 * u32 ifindex.
 */
function encodeInetDiag(
  message: NetlinkMessageWriter,
  kind: IpFamily,
  protocol: number,
  ifindex: number,
): void {
  message
    .u8(addressFamilies[kind])
    .u8(protocol)
    .u8(0)
    .u8(0)
    .u32(liveStates >>> 0);
  for (let at = inet_diag_req_v2.id; at < inet_diag_req_v2.bytes; at += 4) message.u32(0);
  const code = Buffer.alloc(inet_diag_bc_op.bytes + 4);
  code.writeUInt8(INET_DIAG_BC_DEV_COND, inet_diag_bc_op.code);
  code.writeUInt8(code.length, inet_diag_bc_op.yes);
  // A jump beyond the end rejects the socket.
  code.writeUInt16LE(code.length + 4, inet_diag_bc_op.no);
  code.writeUInt32LE(ifindex, inet_diag_bc_op.bytes);
  message.attributeBytes(INET_DIAG_REQ_BYTECODE, code);
}

const isBoundFamily = (protocol: SocketProtocol): protocol is BoundFamily => protocol in boundFamilies;

/**
 * Writes struct packet_diag_req or xdp_diag_req: u8 family, u8 protocol, u16 padding, u32 inode, u32 show, u32 cookie[2].
 */
const encodeBoundDiag = (message: NetlinkMessageWriter, protocol: BoundFamily): void => {
  const { family, showInfo } = boundFamilies[protocol];
  message.u8(family).u8(0).u16(0).u32(0).u32(showInfo).u32(0).u32(0);
};

/** Parses a sock_diag reply; null for a socket that is not bound to an interface. @throws MalformedNetlinkMessage */
export function parseSocketMessage(
  message: NetlinkMessageReader,
  protocol: SocketProtocol,
): BoundSocket | null {
  return isBoundFamily(protocol) ? parseBound(message, protocol) : parseInet(message, protocol);
}

/** Parses struct inet_diag_msg. Ports are big endian, and IPv4 addresses use the first 4 of 16 bytes. */
function parseInet(message: NetlinkMessageReader, protocol: keyof typeof protocols): BoundSocket | null {
  message.attributes(inet_diag_msg.bytes);
  const { buffer, start } = message;
  const kind = decodeIpFamily(buffer.readUInt8(start + inet_diag_msg.idiag_family));
  const ifindex = buffer.readUInt32LE(start + inet_diag_msg['id.idiag_if']);
  if (kind === null || ifindex === 0) return null;
  const bytes = kind === 'ipv4' ? 4 : 16;
  const end = (address: number, port: number): string => {
    const text = formatIpAddressBytes(buffer.subarray(start + address, start + address + bytes));
    return `${kind === 'ipv4' ? text : `[${text}]`}:${buffer.readUInt16BE(start + port)}`;
  };
  const remote = start + inet_diag_msg['id.idiag_dst'];
  const connected = buffer.subarray(remote, remote + bytes).some((byte) => byte !== 0);
  return {
    protocol,
    family: kind,
    local: end(inet_diag_msg['id.idiag_src'], inet_diag_msg['id.idiag_sport']),
    remote: connected ? end(inet_diag_msg['id.idiag_dst'], inet_diag_msg['id.idiag_dport']) : null,
    ifindex,
    inode: buffer.readUInt32LE(start + inet_diag_msg.idiag_inode),
  };
}

/**
 * Parses struct packet_diag_msg or xdp_diag_msg and, in the attribute PACKET_DIAG_INFO or XDP_DIAG_INFO, the ifindex that
 * both structs of information begin with.
 */
function parseBound(message: NetlinkMessageReader, protocol: BoundFamily): BoundSocket | null {
  const attributes = message.attributes(packet_diag_msg.bytes);
  let ifindex = 0;
  while (attributes.next())
    if (attributes.type === boundFamilies[protocol].infoAttribute)
      ifindex = attributes.u32(packet_diag_info.pdi_index);
  if (ifindex === 0) return null;
  const inode = message.buffer.readUInt32LE(message.start + packet_diag_msg.pdiag_ino);
  return { protocol, family: null, local: null, remote: null, ifindex, inode };
}

/** True if /proc/net/TABLE has any entry below its header line. */
const hasEntries = (namespaceFd: number, table: string): boolean =>
  runInNetworkNamespace(namespaceFd, () => {
    try {
      return readFileSync(`/proc/thread-self/net/${table}`, 'latin1').trimEnd().includes('\n');
    } catch {
      return false;
    }
  });

/** True if the namespace has XDP sockets, by their number in /proc/net/protocols: the third column. */
const hasXdpSockets = (namespaceFd: number): boolean =>
  runInNetworkNamespace(namespaceFd, () => {
    try {
      const sockets = /^XDP\s+\d+\s+(\d+)/m.exec(
        readFileSync('/proc/thread-self/net/protocols', 'latin1'),
      )?.[1];
      return Number(sockets ?? 0) > 0;
    } catch {
      return false;
    }
  });
