import { close, errno, setsockopt } from '../ffi/libc.ts';
import { type InterfaceAddress, parseAddress } from './address.ts';
import { rtm } from './constants.ts';
import { NetlinkError } from './error.ts';
import { type NetworkLink, parseLink } from './link-message.ts';
import { MalformedMessage, MessageReader } from './message.ts';
import { listenAllNamespaces, NsidReceiver } from './nsid-receiver.ts';
import { onReadable } from './poll-readable.ts';
import { parseRoute, type Route } from './route-message.ts';
import { withNamespace } from './setns.ts';
import { openNetlinkDescriptor } from './transport.ts';

/** Multicast groups RTMGRP_* of netlink (<linux/rtnetlink.h>) for the events of IPv4 and IPv6. */
const groups = { links: 0x1, addresses: 0x10 | 0x100, routes: 0x40 | 0x400 } as const;
const SOCK_NONBLOCK = 0x800;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const EINTR = 4;
const EAGAIN = 11;
const ENOBUFS = 105;
const receiveBytes = 65_536;
/** Maximum number of datagrams to read before yielding to the event loop. */
const burst = 256;

interface Change {
  deleted: boolean;
  /** Id of the network namespace in which the change happened; null for the watched namespace itself. */
  nsid: number | null;
}

/** A change in a network namespace, or `resync` if events were lost, so that cached state is stale. */
export type NetworkEvent =
  | (Change & { type: 'link'; link: NetworkLink })
  | (Change & { type: 'address'; address: InterfaceAddress })
  | (Change & { type: 'route'; route: Route })
  | { type: 'resync'; reason: string };

export interface NetworkWatch extends Disposable {
  close(): void;
}

export interface WatchOptions {
  /** Descriptor of the network namespace to watch; default the current one. */
  namespaceFd?: number;
  /**
   * also reports changes in the other namespaces that the watched one has a number for: those with the other end of
   * one of its devices, and those given to `assignNamespaceId`
   */
  allNamespaces?: boolean;
  /**
   * Size of the kernel's queue for this socket, in bytes. When it overflows, events are lost and `resync` is
   * reported.
   */
  queueBytes?: number;
}

export type WatchedObject = keyof typeof groups;

/**
 * Calls `listener` for every change of the watched objects in the current namespace, or in the one of
 * `namespaceFd`, until the returned watch is closed. Watch first and read the state after, or changes in between are
 * missed. The kernel does not report IPv4 routes that go with their device or its last IPv4 address: it reports the
 * device or the address alone. @throws NetlinkError
 */
export function watchNetwork(
  objects: readonly WatchedObject[],
  listener: (event: NetworkEvent) => void,
  { namespaceFd, allNamespaces = false, queueBytes = 4 << 20 }: WatchOptions = {},
): NetworkWatch {
  const mask = objects.reduce((all, object) => all | groups[object], 0);
  const open = () => openNetlinkDescriptor(mask, SOCK_NONBLOCK);
  const fd = namespaceFd === undefined ? open() : withNamespace(namespaceFd, open);
  const queue = Buffer.alloc(4);
  queue.writeInt32LE(queueBytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, queue, 4);
  if (allNamespaces) listenAllNamespaces(fd);

  const receiver = new NsidReceiver(fd, receiveBytes);
  let reading = true;
  const read = (): void => {
    for (let count = 0; count < burst && reading; count++) {
      const length = receiver.receive();
      const failed = length < 0 ? errno() : 0;
      if (failed === 0) deliver(new MessageReader(receiver.buffer, length), receiver.nsid, listener);
      else if (failed === EAGAIN) return;
      else if (failed === ENOBUFS)
        listener({ type: 'resync', reason: 'the kernel dropped events (ENOBUFS)' });
      else if (failed !== EINTR) throw new NetlinkError('read link, address and route events', failed);
    }
  };
  const unpoll = onReadable(fd, read);
  const stop = (): void => {
    if (!reading) return;
    reading = false;
    unpoll();
    close(fd);
  };
  return { close: stop, [Symbol.dispose]: stop };
}

function deliver(
  messages: MessageReader,
  nsid: number | null,
  listener: (event: NetworkEvent) => void,
): void {
  for (;;) {
    let event: NetworkEvent | null;
    try {
      if (!messages.next()) return;
      event = parseNetworkEvent(messages, nsid);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      listener({ type: 'resync', reason: error.message });
      return;
    }
    if (event) listener(event);
  }
}

/** Parses a multicast message; null if it is about another kind of object. @throws MalformedMessage */
export function parseNetworkEvent(message: MessageReader, nsid: number | null = null): NetworkEvent | null {
  const { type } = message;
  switch (type) {
    case rtm.newLink:
    case rtm.delLink:
      return { type: 'link', deleted: type === rtm.delLink, nsid, link: parseLink(message) };
    case rtm.newAddress:
    case rtm.delAddress: {
      const address = parseAddress(message);
      return address && { type: 'address', deleted: type === rtm.delAddress, nsid, address };
    }
    case rtm.newRoute:
    case rtm.delRoute: {
      const route = parseRoute(message);
      return route && { type: 'route', deleted: type === rtm.delRoute, nsid, route };
    }
    default:
      return null;
  }
}
