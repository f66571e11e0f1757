import { addressFamilies, decodeIpFamily, formatIpAddressBytes, type IpFamily } from './ip-address.ts';
import type { NetlinkMessageReader, NetlinkMessageWriter } from './message.ts';
import { inet_diag_msg, inet_diag_req_v2 } from './netlink-structs.ts';
import { NetlinkSocket } from './socket.ts';

/** SOCK_DIAG_BY_FAMILY, <linux/sock_diag.h>. */
const SOCK_DIAG_BY_FAMILY = 20;
/** States of sockets, include/net/tcp_states.h; a UDP socket is established while it is connected. */
const states = { timeWait: 6, close: 7, listen: 10 } as const;
const protocols = { tcp: 6, udp: 17 } as const;
const families = ['ipv4', 'ipv6'] as const;

/** A TCP connection of a namespace, or a UDP socket that is connected to one peer. */
export interface ConnectedSocket {
  protocol: (typeof protocols)[keyof typeof protocols];
  local: { address: string; port: number };
  remote: { address: string; port: number };
  /** True if another socket listens on the local port: the peer began the connection. False for UDP. */
  accepted: boolean;
}

interface SocketEnds extends Omit<ConnectedSocket, 'accepted'> {
  state: number;
}

/** Lists the TCP connections and the connected UDP sockets of a namespace. @throws NetlinkError */
export async function listConnectedSockets(namespaceFd: number): Promise<ConnectedSocket[]> {
  using socket = NetlinkSocket.inNamespace(namespaceFd, 'sock-diag');
  const found: SocketEnds[] = [];
  for (const protocol of Object.values(protocols))
    for (const family of families)
      found.push(
        ...(await socket.dump(
          {
            operation: 'dump the connections of sockets',
            type: SOCK_DIAG_BY_FAMILY,
            encode: (message) => encodeRequest(message, family, protocol),
          },
          (message) => parseEnds(message, protocol),
        )),
      );
  const listening = new Set(
    found.filter(({ state }) => state === states.listen).map(({ local }) => local.port),
  );
  const idle: readonly number[] = [states.listen, states.close, states.timeWait];
  return found
    .filter(({ state, remote }) => !idle.includes(state) && remote.port !== 0)
    .map(({ protocol, local, remote }) => ({
      protocol,
      local,
      remote,
      accepted: protocol === protocols.tcp && listening.has(local.port),
    }));
}

/** Writes struct inet_diag_req_v2: u8 family, protocol, extensions, padding; u32 states; struct inet_diag_sockid. */
function encodeRequest(message: NetlinkMessageWriter, family: IpFamily, protocol: number): void {
  message.u8(addressFamilies[family]).u8(protocol).u8(0).u8(0).u32(0xffff_ffff);
  for (let at = inet_diag_req_v2.id; at < inet_diag_req_v2.bytes; at += 4) message.u32(0);
}

function parseEnds(message: NetlinkMessageReader, protocol: SocketEnds['protocol']): SocketEnds | null {
  message.attributes(inet_diag_msg.bytes);
  const { buffer, start } = message;
  const family = decodeIpFamily(buffer.readUInt8(start + inet_diag_msg.idiag_family));
  if (family === null) return null;
  const bytes = family === 'ipv4' ? 4 : 16;
  const end = (address: number, port: number) => ({
    address: formatIpAddressBytes(buffer.subarray(start + address, start + address + bytes)),
    port: buffer.readUInt16BE(start + port),
  });
  return {
    protocol,
    local: end(inet_diag_msg['id.idiag_src'], inet_diag_msg['id.idiag_sport']),
    remote: end(inet_diag_msg['id.idiag_dst'], inet_diag_msg['id.idiag_dport']),
    state: buffer.readUInt8(start + 1), // struct inet_diag_msg: u8 idiag_family, u8 idiag_state
  };
}
