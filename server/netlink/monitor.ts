import { close, errno, setsockopt } from '../ffi/libc.ts';
import { type InterfaceAddress, parseAddress } from './address.ts';
import { NetlinkError } from './error.ts';
import { type NetworkLink, parseLink } from './link.ts';
import { MalformedMessage, MessageReader } from './message.ts';
import { withNamespace } from './setns.ts';
import { listenAllNamespaces, NsidReceiver } from './namespace-id.ts';
import { onReadable } from './poll-readable.ts';
import { parseRoute, type Route } from './route.ts';
import { rtm } from './constants.ts';
import { openRtnetlink } from './socket.ts';

/** RTMGRP_*, <linux/rtnetlink.h>: IPv4 and IPv6 where there are two. */
const groups = { links: 0x1, addresses: 0x10 | 0x100, routes: 0x40 | 0x400 } as const;
const SOCK_NONBLOCK = 0x800;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const EINTR = 4;
const EAGAIN = 11;
const ENOBUFS = 105;
const receiveBytes = 65_536;
/** Datagrams read before the event loop goes on to others. */
const burst = 256;

interface Change {
  deleted: boolean;
  /** the namespace it happened in, by the number the watching one has for it; null: the watching one itself */
  nsid: number | null;
}

/** `resync`: events were lost (the queue overflowed, or one could not be read). Read anew what you keep. */
export type NetworkEvent =
  | (Change & { type: 'link'; link: NetworkLink })
  | (Change & { type: 'address'; address: InterfaceAddress })
  | (Change & { type: 'route'; route: Route })
  | { type: 'resync'; reason: string };

export interface NetworkWatch extends Disposable {
  close(): void;
}

export interface WatchOptions {
  /** the namespace to watch; default: the present one */
  namespaceFd?: number;
  /**
   * also what happens in the other namespaces that the watched one has a number for: those with the other end of one
   * of its devices, and those of `assignNamespaceId`
   */
  allNamespaces?: boolean;
  /** what the kernel keeps for us while we are busy; more is lost, and told as `resync` */
  queueBytes?: number;
}

export type WatchedObject = keyof typeof groups;

/**
 * Calls `listener` for every change of the watched objects in the present namespace, or in the one of
 * `namespaceFd`, until the answer is closed. Watch first and read the state after, or changes in between are
 * missed. IPv4 routes that go with their device, or with its last IPv4 address, are not told: the kernel tells of the
 * device or the address alone. @throws NetlinkError
 */
export function watchNetwork(
  objects: readonly WatchedObject[],
  listener: (event: NetworkEvent) => void,
  { namespaceFd, allNamespaces = false, queueBytes = 4 << 20 }: WatchOptions = {},
): NetworkWatch {
  const mask = objects.reduce((all, object) => all | groups[object], 0);
  const open = () => openRtnetlink(mask, SOCK_NONBLOCK);
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

/** What a message of a multicast group tells, or null when it is about something else. @throws MalformedMessage */
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
