import { close, recv } from '../../ffi/libc.ts';
import { NetlinkMessageReader } from '../../netlink/message.ts';
import { rtmTypes } from '../../netlink/message-constants.ts';
import { ifaddrmsg, ndmsg, rtmsg } from '../../netlink/netlink-structs.ts';
import { copyRawObject, getRawAttribute, getRawU32, type RawObject } from '../../netlink/raw-object.ts';
import { runInNetworkNamespace } from '../../netlink/setns.ts';
import { openNetlinkDescriptor } from '../../netlink/transport.ts';
import { routeKey } from './carry-routes.ts';
import type { SettingDifference } from './compare-states.ts';
import { describeAddress } from './describe-object.ts';
import type { DeviceEndRef } from './end-state.ts';
import { nda, rta } from './raw-attributes.ts';

/** Multicast groups RTMGRP_* of neighbors, addresses and routes of both families, <linux/rtnetlink.h>. */
const groups = 0x4 | 0x10 | 0x40 | 0x100 | 0x400;
const SOCK_NONBLOCK = 0x800;
const MSG_DONTWAIT = 0x40;
const bufferBytes = 65_536;

/**
 * Remembers what others change on an interface, to tell their changes from what a migration lost. The kernel queues the
 * event of a change before it answers the request, so that what was read afterwards is never newer than the events.
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
    return this.#lost || [...this.#changed].some((each) => `${kind} ${key}`.startsWith(each));
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

/** Returns the start of a setting's kind and key as `listSettings` has it; null for other interfaces and objects. */
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
