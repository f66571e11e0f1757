import { close, errno, type PollHandle, poll, recv, setsockopt } from '../ffi/libc.ts';
import { type InterfaceAddress, parseAddress } from './address.ts';
import { NetlinkError } from './error.ts';
import { type Link, parseLink } from './link.ts';
import { MalformedMessage, MessageReader } from './message.ts';
import { withNamespace } from './namespace.ts';
import { parseRoute, type Route } from './route.ts';
import { rtm } from './rtnetlink.ts';
import { openRtnetlink } from './socket.ts';

/** RTMGRP_*, <linux/rtnetlink.h>: IPv4 and IPv6 where there are two. */
const groups = { links: 0x1, addresses: 0x10 | 0x100, routes: 0x40 | 0x400 } as const;
const SOCK_NONBLOCK = 0x800;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const MSG_TRUNC = 0x20;
const EINTR = 4;
const EAGAIN = 11;
const ENOBUFS = 105;
const receiveBytes = 65_536;
/** Datagrams read before the event loop goes on to others. */
const burst = 256;

/** `resync`: events were lost (the queue overflowed, or one could not be read). Read anew what you keep. */
export type NetworkEvent =
  | { type: 'link'; deleted: boolean; link: Link }
  | { type: 'address'; deleted: boolean; address: InterfaceAddress }
  | { type: 'route'; deleted: boolean; route: Route }
  | { type: 'resync'; reason: string };

export interface NetworkWatch extends Disposable {
  close(): void;
}

export interface WatchOptions {
  /** the namespace to watch; default: the present one */
  namespaceFd?: number;
  /** what the kernel keeps for us while we are busy; more is lost, and told as `resync` */
  queueBytes?: number;
}

export type WatchedObject = keyof typeof groups;

/**
 * Calls `listener` for every change of the watched objects in the present namespace, or in the one of
 * `namespaceFd`, until the answer is closed. Watch first and read the state after, or changes in between are
 * missed. @throws NetlinkError
 */
export function watchNetwork(
  objects: readonly WatchedObject[],
  listener: (event: NetworkEvent) => void,
  { namespaceFd, queueBytes = 4 << 20 }: WatchOptions = {},
): NetworkWatch {
  const mask = objects.reduce((all, object) => all | groups[object], 0);
  const open = () => openRtnetlink(mask, SOCK_NONBLOCK);
  const fd = namespaceFd === undefined ? open() : withNamespace(namespaceFd, open);
  const queue = Buffer.alloc(4);
  queue.writeInt32LE(queueBytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, queue, 4);

  const buffer = Buffer.allocUnsafeSlow(receiveBytes);
  let handle: PollHandle | null = null;
  let scheduled = false;
  let stopped = false;
  const wake = (status: number): void => {
    // libuv stops polling a socket with an error, and ENOBUFS is one.
    if (status < 0) stopped = true;
    // Out of koffi's callback, which runs no microtasks after it.
    if (!scheduled) setImmediate(drain);
    scheduled = true;
  };
  const drain = (): void => {
    scheduled = false;
    if (stopped) handle?.start(wake);
    stopped = false;
    // What is left after a burst calls again: the poll goes by level.
    for (let read = 0; read < burst && handle; read++) {
      const length = recv(fd, buffer, buffer.length, MSG_TRUNC);
      const failed = length < 0 ? errno() : 0;
      if (failed === 0) deliver(new MessageReader(buffer, length), listener);
      else if (failed === EAGAIN) return;
      else if (failed === ENOBUFS)
        listener({ type: 'resync', reason: 'the kernel dropped events (ENOBUFS)' });
      else if (failed !== EINTR) throw new NetlinkError('read link, address and route events', failed);
    }
  };
  handle = poll(fd, wake);
  const stop = (): void => {
    if (!handle) return;
    handle.close();
    handle = null;
    close(fd);
  };
  return { close: stop, [Symbol.dispose]: stop };
}

/** `watchNetwork` of links alone. */
export const watchLinks = (
  listener: (event: Extract<NetworkEvent, { type: 'link' | 'resync' }>) => void,
  options: WatchOptions = {},
): NetworkWatch =>
  watchNetwork(
    ['links'],
    (event) => {
      if (event.type === 'link' || event.type === 'resync') listener(event);
    },
    options,
  );

function deliver(messages: MessageReader, listener: (event: NetworkEvent) => void): void {
  for (;;) {
    let event: NetworkEvent | null;
    try {
      if (!messages.next()) return;
      event = parseEvent(messages);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      listener({ type: 'resync', reason: error.message });
      return;
    }
    if (event) listener(event);
  }
}

/** What a message of a multicast group tells, or null when it is about something else. @throws MalformedMessage */
export function parseEvent(message: MessageReader): NetworkEvent | null {
  switch (message.type) {
    case rtm.newLink:
    case rtm.delLink:
      return { type: 'link', deleted: message.type === rtm.delLink, link: parseLink(message) };
    case rtm.newAddress:
    case rtm.delAddress: {
      const address = parseAddress(message);
      return address && { type: 'address', deleted: message.type === rtm.delAddress, address };
    }
    case rtm.newRoute:
    case rtm.delRoute: {
      const route = parseRoute(message);
      return route && { type: 'route', deleted: message.type === rtm.delRoute, route };
    }
    default:
      return null;
  }
}
