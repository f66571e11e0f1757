import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bind, close, errno, getsockname, recv, send, setsockopt, socket } from '../ffi/libc.ts';
import { NetlinkError } from './netlink-error.ts';

const AF_NETLINK = 16;
/** Netlink protocols NETLINK_ROUTE, _SOCK_DIAG, _XFRM, _NETFILTER and _GENERIC, <linux/netlink.h>. */
const protocols = { route: 0, 'sock-diag': 4, xfrm: 6, netfilter: 12, generic: 16 } as const;
const SOCK_RAW_CLOEXEC = 0x8_0003;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_NO_ENOBUFS = 5;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

const replyTimeoutSeconds = 10n;
const replyQueueBytes = 1 << 20;
/** Size of the send buffer in bytes: a transaction of netfilter has to fit into one datagram. */
const sendQueueBytes = 1 << 22;

/**
 * Name of a netlink protocol. `sock-diag` lists sockets, `xfrm` has IPsec, `netfilter` has conntrack and nftables,
 * `generic` has families by name; all use the message format of `route`.
 */
export type NetlinkProtocol = keyof typeof protocols;

export interface NetlinkQueueOptions {
  /**
   * Size of the receive queue in bytes, for a socket that the kernel sends messages to on its own, such as packets that
   * it holds. Those that do not fit are lost, and reading does not fail (NETLINK_NO_ENOBUFS). Default 1 MiB.
   */
  receiveQueueBytes?: number;
  /**
   * True for a worker thread that may wait: requests block it instead of passing through the thread pool, which costs
   * more than most requests. Default false.
   */
  blocking?: boolean;
}

/** Result of recv(2): the length of the datagram, even if it was truncated, and the errno (0 on success). */
export interface ReceiveResult {
  length: number;
  errno: number;
}

/** Exchanges datagrams with the kernel for a netlink socket. Unit tests use a fake one to produce kernel errors. */
export interface NetlinkTransport {
  /** Sends the first `length` bytes as a datagram. @returns the errno, 0 on success */
  send(data: Buffer, length: number): Promise<number>;
  /** Waits for the next datagram; fails with EAGAIN after 10 s. */
  receive(into: Buffer): Promise<ReceiveResult>;
  /** Receives a datagram that has already arrived; fails with EAGAIN if there is none. */
  receiveNow(into: Buffer): ReceiveResult;
  /** Port id of the socket, which the kernel reports with the changes that its requests cause. */
  readonly port: number;
  close(): void;
}

/**
 * Opens a netlink socket to the kernel of the current network namespace. The kernel may wait for RTNL in send(2) and
 * in the recv(2) of a dump, so that both run on pool threads. @throws NetlinkError
 */
export function openNetlinkTransport(
  protocol: NetlinkProtocol,
  { receiveQueueBytes, blocking = false }: NetlinkQueueOptions = {},
): NetlinkTransport {
  const fd = openNetlinkDescriptor(0, 0, protocol);
  setSocketOption(fd, SO_RCVBUFFORCE, int(receiveQueueBytes ?? replyQueueBytes));
  if (receiveQueueBytes !== undefined) setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, int(1), 4);
  if (protocol === 'netfilter') setSocketOption(fd, SO_SNDBUFFORCE, int(sendQueueBytes));
  const timeout = Buffer.alloc(16); // struct timeval
  timeout.writeBigInt64LE(replyTimeoutSeconds);
  setSocketOption(fd, SO_RCVTIMEO, timeout);
  const receiveWith = (into: Buffer, flags: number): ReceiveResult => {
    const length = recv(fd, into, into.length, flags | MSG_TRUNC);
    return { length, errno: length < 0 ? errno() : 0 };
  };
  const common = {
    receiveNow: (into: Buffer) => receiveWith(into, MSG_DONTWAIT),
    port: readPort(fd),
    close: () => close(fd),
  };
  if (blocking)
    return {
      ...common,
      send: async (data, length) => (send(fd, data, length, 0) < 0 ? errno() : 0),
      receive: async (into) => receiveWith(into, 0),
    };
  return {
    ...common,
    send: (data, length) =>
      new Promise((resolve, reject) => {
        send.async(fd, data, length, 0, (error, sent) => {
          if (error) reject(error);
          else resolve(sent < 0 ? errno() : 0);
        });
      }),
    receive: (into) =>
      new Promise((resolve, reject) => {
        recv.async(fd, into, into.length, MSG_TRUNC, (error, length) => {
          if (error) reject(error);
          else resolve({ length, errno: length < 0 ? errno() : 0 });
        });
      }),
  };
}

/**
 * Opens and binds a netlink socket in the current network namespace.
 * @param groups mask of the multicast groups that it receives
 * @returns its descriptor @throws NetlinkError
 */
export function openNetlinkDescriptor(
  groups = 0,
  typeFlags = 0,
  protocol: NetlinkProtocol = 'route',
): number {
  const fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC | typeFlags, protocols[protocol]);
  if (fd < 0) throw new NetlinkError('open a netlink socket', errno());
  recordOpenedDescriptor(fd, `netlink socket (${protocol})`);
  const address = Buffer.alloc(12); // struct sockaddr_nl: u16 family, pad, u32 pid, u32 groups
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  if (bind(fd, address, address.length) < 0) {
    const failed = errno();
    close(fd);
    throw new NetlinkError('bind a netlink socket', failed);
  }
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK])
    setsockopt(fd, SOL_NETLINK, option, int(1), 4);
  return fd;
}

/** Returns a netlink socket's port id, struct sockaddr_nl. */
function readPort(fd: number): number {
  const address = Buffer.alloc(12);
  return getsockname(fd, address, int(address.length)) < 0 ? 0 : address.readUInt32LE(4);
}

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

const setSocketOption = (fd: number, option: number, value: Buffer): void => {
  if (setsockopt(fd, SOL_SOCKET, option, value, value.length) < 0)
    throw new NetlinkError(`set option ${option} of a netlink socket`, errno());
};
