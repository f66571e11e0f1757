import { close, recv } from '../../ffi/libc.ts';
import { NetlinkMessageReader } from '../../netlink/message.ts';
import { rtmTypes } from '../../netlink/message-constants.ts';
import { ifaddrmsg, ndmsg, rtmsg } from '../../netlink/netlink-structs.ts';
import { copyRawObject, getRawAttribute, getRawU32, type RawObject } from '../../netlink/raw-object.ts';
import { runInNetworkNamespace } from '../../netlink/setns.ts';
import { openNetlinkDescriptor } from '../../netlink/transport.ts';
import type { SettingDifference } from './compare-states.ts';
import { describeAddress } from './describe-object.ts';
import type { DeviceEndRef } from './end-state.ts';
import { routeKey } from './route-requests.ts';
import { nda, nha, nhmsg, rta } from './rtnetlink-constants.ts';

/**
 * Multicast groups RTMGRP_* of neighbors, addresses and routes of both addressFamilies, and RTNLGRP_NEXTHOP, the 32nd
 * group. <linux/rtnetlink.h>
 */
const groups = (0x4 | 0x10 | 0x40 | 0x100 | 0x400 | 0x8000_0000) >>> 0;
const SOCK_NONBLOCK = 0x800;
const MSG_DONTWAIT = 0x40;
const bufferBytes = 65_536;

/**
 * Remembers which addresses, routes, next hops and neighbors of an interface others change, to tell their changes from
 * what a migration lost. The kernel queues the event of a change before it answers the request, so that what was read
 * afterwards is never newer than the events.
 */
export class ForeignChanges implements Disposable {
  readonly #descriptor: number;
  readonly #buffer = Buffer.alloc(bufferBytes);
  readonly #ifindex: number;
  readonly #ownPort: number;
  readonly #changed = new Set<string>();
  #lost = false;

  constructor({ socket, namespaceFd, ifindex }: DeviceEndRef) {
    const open = (): number => openNetlinkDescriptor(groups, SOCK_NONBLOCK);
    this.#descriptor = namespaceFd === undefined ? open() : runInNetworkNamespace(namespaceFd, open);
    this.#ifindex = ifindex;
    this.#ownPort = socket.port;
  }

  /** Tells whether others changed the setting of a difference; true for all if the kernel dropped events. */
  explains({ kind, key }: SettingDifference): boolean {
    this.#read();
    return this.#lost || [...this.#changed].some((each) => `${kind} ${key} `.startsWith(`${each} `));
  }

  [Symbol.dispose](): void {
    close(this.#descriptor);
  }

  #read(): void {
    for (;;) {
      const length = recv(this.#descriptor, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
      if (length < 0) {
        // EAGAIN: no more events. ENOBUFS is reported once, then reading goes on.
        const next = recv(this.#descriptor, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
        if (next < 0) return;
        this.#lost = true;
        this.#note(next);
        continue;
      }
      this.#note(length);
    }
  }

  #note(length: number): void {
    const messages = new NetlinkMessageReader(this.#buffer, length);
    while (messages.next()) {
      if (messages.port === this.#ownPort) continue;
      const key = identify(messages, this.#ifindex);
      if (key !== null) this.#changed.add(key);
    }
  }
}

/**
 * Returns the start of a setting's kind and key as `listSettings` has it; null for other interfaces and objects. Routes
 * with several next hops and all next hop objects and groups are taken for the interface's, whatever interfaces they
 * use.
 */
function identify(message: NetlinkMessageReader, ifindex: number): string | null {
  switch (message.type) {
    case rtmTypes.newAddress:
    case rtmTypes.delAddress: {
      const address = copyRawObject(message, ifaddrmsg.bytes);
      if (address.body.readUInt32LE(ifaddrmsg.ifa_index) !== ifindex) return null;
      return `address ${address.body[ifaddrmsg.ifa_family]} ${describeAddress(address)}`;
    }
    case rtmTypes.newRoute:
    case rtmTypes.delRoute: {
      const route = copyRawObject(message, rtmsg.bytes);
      return usesInterface(route, ifindex) ? `route ${routeKey(route)}` : null;
    }
    case rtmTypes.newNextHop:
    case rtmTypes.delNextHop:
      return `next hop ${getRawU32(copyRawObject(message, nhmsg.bytes), nha.id) ?? ''}`;
    case rtmTypes.newNeighbor:
    case rtmTypes.delNeighbor: {
      const neighbor = copyRawObject(message, ndmsg.bytes);
      if (neighbor.body.readInt32LE(ndmsg.ndm_ifindex) !== ifindex) return null;
      return `neighbour ${getRawAttribute(neighbor, nda.destination)?.toString('hex') ?? ''}`;
    }
    default:
      return null;
  }
}

const usesInterface = (route: RawObject, ifindex: number): boolean =>
  getRawU32(route, rta.device) === ifindex || getRawAttribute(route, rta.multipath) !== null;
