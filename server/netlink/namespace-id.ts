import { addressOf, errno, recvmsg, setsockopt } from '../ffi/libc.ts';
import { NetlinkError, isNetlinkError } from './error.ts';
import type { MessageReader, MessageWriter } from './message.ts';
import { rtm } from './constants.ts';
import type { NetlinkSocket } from './socket.ts';

/** <linux/netlink.h>, <linux/net_namespace.h> */
const SOL_NETLINK = 270;
const NETLINK_LISTEN_ALL_NSID = 8;
const MSG_TRUNC = 0x20;
const netnsa = { id: 1, fd: 3 } as const;
const rtgenmsgBytes = 4;
const notAssigned = -1;

/**
 * The number that the socket's namespace has for another one, which `nsid` of an event and `peerNamespaceId` of a
 * link tell; null when it has none, and so hears nothing of it.
 */
export const namespaceId = (socket: NetlinkSocket, netnsFd: number): Promise<number | null> =>
  socket.get(
    {
      operation: 'get the number of a network namespace',
      type: rtm.getNamespaceId,
      encode: (message) => encodeNamespaceFd(message, netnsFd),
    },
    parseNamespaceId,
  );

/** As `namespaceId`, and gives it a free number first when it has none. @throws NetlinkError */
export async function assignNamespaceId(socket: NetlinkSocket, netnsFd: number): Promise<number> {
  try {
    await socket.request({
      operation: 'give a network namespace a number',
      type: rtm.newNamespaceId,
      encode: (message) => {
        encodeNamespaceFd(message, netnsFd);
        message.attributeI32(netnsa.id, notAssigned);
      },
    });
  } catch (error) {
    if (!isNetlinkError(error, 'EEXIST')) throw error;
  }
  const id = await namespaceId(socket, netnsFd);
  if (id === null) throw new Error('the network namespace that was given a number has none');
  return id;
}

/** struct rtgenmsg: u8 family, padded. */
const encodeNamespaceFd = (message: MessageWriter, netnsFd: number): void => {
  message.u32(0).attributeU32(netnsa.fd, netnsFd);
};

/** Reads RTM_NEWNSID. @throws MalformedMessage */
export function parseNamespaceId(message: MessageReader): number | null {
  const attributes = message.attributes(rtgenmsgBytes);
  let id: number = notAssigned;
  while (attributes.next()) if (attributes.type === netnsa.id) id = attributes.i32();
  return id === notAssigned ? null : id;
}

/** Makes a socket of multicast groups hear also what happens in the namespaces its own has numbers for. */
export function listenAllNamespaces(fd: number): void {
  const on = Buffer.alloc(4);
  on.writeInt32LE(1);
  if (setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, on, 4) < 0)
    throw new NetlinkError('listen to all network namespaces', errno());
}

/** Receives datagrams with the number of the namespace each came from, which is in a control message. */
export class NsidReceiver {
  readonly buffer: Buffer;
  /** of the last datagram; null: the socket's own */
  nsid: number | null = null;
  readonly #fd: number;
  /** struct msghdr: name@0, its length@8, iovec@16, their number@24, control@32, its length@40, flags@48 */
  readonly #message = Buffer.alloc(56);
  readonly #vector = Buffer.alloc(16);
  readonly #control = Buffer.alloc(64);

  constructor(fd: number, bytes: number) {
    this.#fd = fd;
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.#vector.writeBigUInt64LE(addressOf(this.buffer), 0);
    this.#vector.writeBigUInt64LE(BigInt(bytes), 8);
    this.#message.writeBigUInt64LE(addressOf(this.#vector), 16);
    this.#message.writeBigUInt64LE(1n, 24);
    this.#message.writeBigUInt64LE(addressOf(this.#control), 32);
  }

  /** @returns bytes of the datagram, also when there are more than fit, or -1: see `errno()` */
  receive(): number {
    this.#message.writeBigUInt64LE(BigInt(this.#control.length), 40);
    const length = recvmsg(this.#fd, this.#message, MSG_TRUNC);
    if (length >= 0)
      this.nsid = nsidOfControlMessage(this.#control.subarray(0, Number(this.#message.readBigUInt64LE(40))));
    return length;
  }
}

/** struct cmsghdr in a row: u64 length, i32 level, i32 type, data, all aligned to 8. */
export function nsidOfControlMessage(control: Buffer): number | null {
  for (let at = 0; control.length - at >= 16; ) {
    const length = Number(control.readBigUInt64LE(at));
    if (length < 16 || length > control.length - at) return null;
    if (
      length >= 20 &&
      control.readInt32LE(at + 8) === SOL_NETLINK &&
      control.readInt32LE(at + 12) === NETLINK_LISTEN_ALL_NSID
    )
      return control.readInt32LE(at + 16);
    at += (length + 7) & ~7;
  }
  return null;
}
