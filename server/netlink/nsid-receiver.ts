import { addressOf, errno, recvmsg, setsockopt } from '../ffi/libc.ts';
import { NetlinkError } from './netlink-error.ts';
import { cmsghdr, user_msghdr } from './netlink-structs.ts';

/** Socket options and flags, <linux/netlink.h> and <sys/socket.h>. */
const SOL_NETLINK = 270;
const NETLINK_LISTEN_ALL_NSID = 8;
const MSG_TRUNC = 0x20;

/** Lets a multicast netlink socket also receive events of all namespaces that have an id in its own namespace. */
export function listenToAllNamespaces(fd: number): void {
  const on = Buffer.alloc(4);
  on.writeInt32LE(1);
  if (setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, on, 4) < 0)
    throw new NetlinkError('listen to all network namespaces', errno());
}

/** Receives netlink datagrams along with the id of the namespace that each comes from (a control message). */
export class NsidReceiver {
  readonly buffer: Buffer;
  /** Namespace id of the last datagram; null for the socket's own namespace. */
  nsid: number | null = null;
  readonly #fd: number;
  readonly #message = Buffer.alloc(user_msghdr.bytes);
  readonly #vector = Buffer.alloc(16); // struct iovec: u64 address, length
  readonly #control = Buffer.alloc(64);

  constructor(fd: number, bytes: number) {
    this.#fd = fd;
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.#vector.writeBigUInt64LE(addressOf(this.buffer), 0);
    this.#vector.writeBigUInt64LE(BigInt(bytes), 8);
    this.#message.writeBigUInt64LE(addressOf(this.#vector), user_msghdr.msg_iov);
    this.#message.writeBigUInt64LE(1n, user_msghdr.msg_iovlen);
    this.#message.writeBigUInt64LE(addressOf(this.#control), user_msghdr.msg_control);
  }

  /** Receives a datagram. @returns its length, even if it was truncated, or -1 with the reason in `errno()` */
  receive(): number {
    this.#message.writeBigUInt64LE(BigInt(this.#control.length), user_msghdr.msg_controllen);
    const length = recvmsg(this.#fd, this.#message, MSG_TRUNC);
    if (length >= 0) {
      const used = Number(this.#message.readBigUInt64LE(user_msghdr.msg_controllen));
      this.nsid = parseControlMessageNsid(this.#control.subarray(0, used));
    }
    return length;
  }
}

/** Finds the namespace id in a sequence of struct cmsghdr and data, aligned to 8; null if there is none. */
export function parseControlMessageNsid(control: Buffer): number | null {
  for (let at = 0; control.length - at >= cmsghdr.bytes; ) {
    const length = Number(control.readBigUInt64LE(at + cmsghdr.cmsg_len));
    if (length < cmsghdr.bytes || length > control.length - at) return null;
    if (
      length >= cmsghdr.bytes + 4 &&
      control.readInt32LE(at + cmsghdr.cmsg_level) === SOL_NETLINK &&
      control.readInt32LE(at + cmsghdr.cmsg_type) === NETLINK_LISTEN_ALL_NSID
    )
      return control.readInt32LE(at + cmsghdr.bytes);
    at += (length + 7) & ~7;
  }
  return null;
}
