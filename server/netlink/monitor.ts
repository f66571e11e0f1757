import { close, errno, setsockopt } from '../ffi/libc.ts';
import { type InterfaceAddress, parseAddressMessage } from './address.ts';
import { onDescriptorReadable } from './descriptor-readable.ts';
import { type NetworkLink, parseLinkMessage } from './link-message.ts';
import { MalformedNetlinkMessage, NetlinkMessageReader } from './message.ts';
import { rtmTypes } from './message-constants.ts';
import { parseNamespaceId } from './namespace-id.ts';
import { type KernelNeighbor, parseNeighborMessage } from './neighbor.ts';
import { NetlinkError } from './netlink-error.ts';
import { listenToAllNamespaces, NsidReceiver } from './nsid-receiver.ts';
import { type KernelRoute, parseRouteMessage } from './route-message.ts';
import { runInNetworkNamespace } from './setns.ts';
import { openNetlinkDescriptor } from './transport.ts';

/**
 * Multicast groups of netlink as a mask, the bit of group n being n - 1 (RTNLGRP_*, <linux/rtnetlink.h>), for the events of
 * IPv4 and IPv6. `settings` are RTNLGRP_IPV4_NETCONF (24) and RTNLGRP_IPV6_NETCONF (25), `namespaces` RTNLGRP_NSID (28).
 */
const groups = {
  links: 0x1,
  addresses: 0x10 | 0x100,
  routes: 0x40 | 0x400,
  neighbors: 0x4,
  settings: 0x80_0000 | 0x100_0000,
  namespaces: 0x800_0000,
} as const;
const SOCK_NONBLOCK = 0x800;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const EINTR = 4;
const EAGAIN = 11;
const ENOBUFS = 105;
/** Size of struct netconfmsg, a single u8, as it is aligned. */
const netconfmsgBytes = 4;
const NETCONFA_IFINDEX = 1;
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
  | (Change & { type: 'route'; route: KernelRoute })
  | (Change & { type: 'neighbor'; neighbor: KernelNeighbor })
  /** Forwarding, rp_filter or another sysctl was changed for an interface; its index is -1 for `all` and -2 for `default`. */
  | { type: 'settings'; nsid: number | null; ifindex: number | null }
  /** A namespace got an id in the one where the change happened; `deleted` if the namespace itself is gone. */
  | (Change & { type: 'namespace'; id: number })
  | { type: 'resync'; reason: string };

export interface NetworkWatcher extends Disposable {
  close(): void;
}

export interface NetworkWatchOptions {
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

export type WatchedObjectKind = keyof typeof groups;

/**
 * Calls `listener` for every change of the watched objects in the current namespace, or in the one of
 * `namespaceFd`, until the returned watch is closed. Watch first and read the state after, or changes in between are
 * missed. The kernel does not report IPv4 routes that go with their device or its last IPv4 address: it reports the
 * device or the address alone. @throws NetlinkError
 */
export function watchNetwork(
  objects: readonly WatchedObjectKind[],
  listener: (event: NetworkEvent) => void,
  { namespaceFd, allNamespaces = false, queueBytes = 4 << 20 }: NetworkWatchOptions = {},
): NetworkWatcher {
  const mask = objects.reduce((all, object) => all | groups[object], 0);
  const open = () => openNetlinkDescriptor(mask, SOCK_NONBLOCK);
  const fd = namespaceFd === undefined ? open() : runInNetworkNamespace(namespaceFd, open);
  const queue = Buffer.alloc(4);
  queue.writeInt32LE(queueBytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, queue, 4);
  if (allNamespaces) listenToAllNamespaces(fd);

  const receiver = new NsidReceiver(fd, receiveBytes);
  let reading = true;
  const read = (): void => {
    for (let count = 0; count < burst && reading; count++) {
      const length = receiver.receive();
      const failed = length < 0 ? errno() : 0;
      if (failed === 0) deliver(new NetlinkMessageReader(receiver.buffer, length), receiver.nsid, listener);
      else if (failed === EAGAIN) return;
      else if (failed === ENOBUFS)
        listener({ type: 'resync', reason: 'the kernel dropped events (ENOBUFS)' });
      else if (failed !== EINTR) throw new NetlinkError('read link, address and route events', failed);
    }
  };
  const unpoll = onDescriptorReadable(fd, read);
  const stop = (): void => {
    if (!reading) return;
    reading = false;
    unpoll();
    close(fd);
  };
  return { close: stop, [Symbol.dispose]: stop };
}

function deliver(
  messages: NetlinkMessageReader,
  nsid: number | null,
  listener: (event: NetworkEvent) => void,
): void {
  for (;;) {
    let event: NetworkEvent | null;
    try {
      if (!messages.next()) return;
      event = parseNetworkEvent(messages, nsid);
    } catch (error) {
      if (!(error instanceof MalformedNetlinkMessage)) throw error;
      listener({ type: 'resync', reason: error.message });
      return;
    }
    if (event) listener(event);
  }
}

/** Parses a multicast message; null if it is about another kind of object. @throws MalformedNetlinkMessage */
export function parseNetworkEvent(
  message: NetlinkMessageReader,
  nsid: number | null = null,
): NetworkEvent | null {
  const { type } = message;
  switch (type) {
    case rtmTypes.newLink:
    case rtmTypes.delLink:
      return { type: 'link', deleted: type === rtmTypes.delLink, nsid, link: parseLinkMessage(message) };
    case rtmTypes.newAddress:
    case rtmTypes.delAddress: {
      const address = parseAddressMessage(message);
      return address && { type: 'address', deleted: type === rtmTypes.delAddress, nsid, address };
    }
    case rtmTypes.newRoute:
    case rtmTypes.delRoute: {
      const route = parseRouteMessage(message);
      return route && { type: 'route', deleted: type === rtmTypes.delRoute, nsid, route };
    }
    case rtmTypes.newNeighbor:
    case rtmTypes.delNeighbor: {
      const neighbor = parseNeighborMessage(message);
      return neighbor && { type: 'neighbor', deleted: type === rtmTypes.delNeighbor, nsid, neighbor };
    }
    case rtmTypes.newNamespaceId:
    case rtmTypes.delNamespaceId: {
      const id = parseNamespaceId(message);
      return id === null ? null : { type: 'namespace', deleted: type === rtmTypes.delNamespaceId, nsid, id };
    }
    case rtmTypes.newNetconf:
      return { type: 'settings', nsid, ifindex: parseNetconfIfindex(message) };
    default:
      return null;
  }
}

/** Parses RTM_NEWNETCONF: struct netconfmsg and attributes NETCONFA_*, <linux/netconf.h>. @throws MalformedNetlinkMessage */
function parseNetconfIfindex(message: NetlinkMessageReader): number | null {
  const attributes = message.attributes(netconfmsgBytes);
  while (attributes.next()) if (attributes.type === NETCONFA_IFINDEX) return attributes.i32();
  return null;
}
