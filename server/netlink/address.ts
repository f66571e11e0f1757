import { nlmFlag, rtm } from './constants.ts';
import { emptyWhenDeviceGone } from './error.ts';
import {
  addressBytes,
  addressFamily,
  type Family,
  familyOfAddress,
  familyOfNumber,
  formatAddress,
  parsePrefix,
} from './ip-address.ts';
import { ifa_cacheinfo, ifaddrmsg } from './kernel-structs.ts';
import type { MessageReader, MessageWriter } from './message.ts';
import { type RouteScope, routeScopeName, routeScopeNumber } from './route-scope.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** IFA_*: attributes of an address, <linux/if_addr.h>. */
const ifa = { address: 1, local: 2, label: 3, broadcast: 4, lifetimes: 6, flags: 8, metric: 9 } as const;
/** IFA_F_*, <linux/if_addr.h>. */
export const addressFlag = {
  temporary: 0x01,
  noDad: 0x02,
  optimistic: 0x04,
  dadFailed: 0x08,
  home: 0x10,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  manageTemporary: 0x100,
  noPrefixRoute: 0x200,
  multicastAutojoin: 0x400,
  stablePrivacy: 0x800,
} as const;
const forever = 0xffff_ffff;

/** An IP address of a network interface. */
export interface InterfaceAddress {
  family: Family;
  ifindex: number;
  /** with its prefix length: `10.42.0.33/32` */
  address: string;
  /** the other side of a point-to-point address */
  peer: string | null;
  broadcast: string | null;
  scope: RouteScope;
  /** IPv4: the interface's name, or one that begins with it */
  label: string | null;
  /** IFA_F_*, see `addressFlag` */
  flags: number;
  /** seconds left; null: forever */
  validSeconds: number | null;
  preferredSeconds: number | null;
  /** metric of the prefix route; null: the kernel's choice */
  metric: number | null;
  /** IPv6: not usable yet, duplicate address detection is running */
  tentative: boolean;
}

export interface AddressOptions {
  /** the other side of a point-to-point address; the prefix length then belongs to it */
  peer?: string;
  broadcast?: string;
  /** default global */
  scope?: RouteScope;
  label?: string;
  /** IPv6: probes for duplicates first, during which the address cannot be used. Default false */
  duplicateDetection?: boolean;
  /** lets the kernel add a route to the prefix. Default true */
  prefixRoute?: boolean;
  /** further IFA_F_*, see `addressFlag` */
  flags?: number;
  /** in seconds; default forever. The preferred lifetime must not exceed the valid one */
  validSeconds?: number;
  preferredSeconds?: number;
  /** metric of the prefix route */
  metric?: number;
}

/** Builds the request of `addAddress`, `replaceAddress` or `deleteAddress`, for a batch. */
export const addressRequest = (
  verb: 'add' | 'replace' | 'delete',
  ifindex: number,
  address: string,
  options: AddressOptions = {},
): NetlinkRequest => ({
  operation: `${verb} address ${address} ${verb === 'add' ? 'to' : 'of'} ifindex ${ifindex}`,
  type: verb === 'delete' ? rtm.delAddress : rtm.newAddress,
  flags: verb === 'delete' ? 0 : nlmFlag.create | (verb === 'add' ? nlmFlag.exclusive : nlmFlag.replace),
  encode: (message) => encodeAddress(message, ifindex, address, options),
});

/**
 * Adds an address such as `10.42.0.33/32` to an interface. IPv6 addresses skip duplicate address detection by default,
 * so that they can be used at once.
 * @throws NetlinkError EEXIST when the interface has it, RangeError for text that is no address
 */
export const addAddress = (
  socket: NetlinkSocket,
  ifindex: number,
  address: string,
  options: AddressOptions = {},
): Promise<void> => socket.request(addressRequest('add', ifindex, address, options));

/** Adds an address, or gives the one that the interface has these lifetimes, flags and metric. */
export const replaceAddress = (
  socket: NetlinkSocket,
  ifindex: number,
  address: string,
  options: AddressOptions = {},
): Promise<void> => socket.request(addressRequest('replace', ifindex, address, options));

/** @throws NetlinkError EADDRNOTAVAIL when the interface does not have it */
export const deleteAddress = (
  socket: NetlinkSocket,
  ifindex: number,
  address: string,
  options: Pick<AddressOptions, 'peer'> = {},
): Promise<void> => socket.request(addressRequest('delete', ifindex, address, options));

/** Lists the addresses of the namespace, of one interface or of one family. */
export async function listAddresses(
  socket: NetlinkSocket,
  filter: { ifindex?: number; family?: Family } = {},
): Promise<InterfaceAddress[]> {
  const found = socket.dump(
    {
      operation: 'dump addresses',
      type: rtm.getAddress,
      encode: (message) =>
        writeIfaddr(message, addressFamily[filter.family ?? 'unspecified'], 0, 0, filter.ifindex ?? 0),
    },
    parseAddress,
  );
  return filter.ifindex === undefined ? found : found.catch(emptyWhenDeviceGone<InterfaceAddress>);
}

export function encodeAddress(
  message: MessageWriter,
  ifindex: number,
  cidr: string,
  options: AddressOptions = {},
): void {
  const { address, length } = parsePrefix(cidr);
  const kind = familyOfAddress(address);
  const { peer, broadcast, scope = 'global', validSeconds, preferredSeconds } = options;
  for (const other of [peer, broadcast])
    if (other !== undefined && familyOfAddress(other) !== kind)
      throw new RangeError(`${other} and ${cidr}: not of the same address family`);
  const flags =
    (options.flags ?? 0) |
    (kind === 'ipv6' && !options.duplicateDetection ? addressFlag.noDad : 0) |
    (options.prefixRoute === false ? addressFlag.noPrefixRoute : 0);
  writeIfaddr(message, addressFamily[kind], length, flags & 0xff, ifindex, scope);
  message.attributeBytes(ifa.local, addressBytes(address));
  message.attributeBytes(ifa.address, addressBytes(peer ?? address));
  if (broadcast !== undefined) message.attributeBytes(ifa.broadcast, addressBytes(broadcast));
  if (options.label !== undefined) message.attributeString(ifa.label, options.label);
  if (flags > 0xff) message.attributeU32(ifa.flags, flags);
  if (options.metric !== undefined) message.attributeU32(ifa.metric, options.metric);
  if (validSeconds === undefined && preferredSeconds === undefined) return;
  // The kernel refuses a preferred lifetime beyond the valid one.
  const lifetimes = Buffer.alloc(ifa_cacheinfo.bytes);
  lifetimes.writeUInt32LE(preferredSeconds ?? validSeconds ?? forever, ifa_cacheinfo.ifa_prefered);
  lifetimes.writeUInt32LE(validSeconds ?? forever, ifa_cacheinfo.ifa_valid);
  message.attributeBytes(ifa.lifetimes, lifetimes);
}

/** Writes struct ifaddrmsg: u8 family, u8 prefix length, u8 flags, u8 scope, u32 index. */
const writeIfaddr = (
  message: MessageWriter,
  number: number,
  length: number,
  flags: number,
  ifindex: number,
  scope: RouteScope = 'global',
): void => {
  message.u8(number).u8(length).u8(flags).u8(routeScopeNumber(scope)).u32(ifindex);
};

/** Parses RTM_NEWADDR or RTM_DELADDR; null for families other than IPv4 and IPv6. @throws MalformedMessage */
export function parseAddress(message: MessageReader): InterfaceAddress | null {
  const attributes = message.attributes(ifaddrmsg.bytes);
  const { buffer, start } = message;
  const kind = familyOfNumber(buffer.readUInt8(start + ifaddrmsg.ifa_family));
  if (kind === null) return null;
  let flags = buffer.readUInt8(start + ifaddrmsg.ifa_flags);
  let local: string | null = null;
  let remote: string | null = null;
  let broadcast: string | null = null;
  let label: string | null = null;
  let metric: number | null = null;
  let validSeconds: number | null = null;
  let preferredSeconds: number | null = null;
  while (attributes.next()) {
    switch (attributes.type) {
      case ifa.local:
        local = formatAddress(attributes.bytes());
        break;
      case ifa.address:
        remote = formatAddress(attributes.bytes());
        break;
      case ifa.broadcast:
        broadcast = formatAddress(attributes.bytes());
        break;
      case ifa.label:
        label = attributes.string();
        break;
      case ifa.flags:
        flags = attributes.u32();
        break;
      case ifa.metric:
        metric = attributes.u32();
        break;
      case ifa.lifetimes:
        preferredSeconds = lifetime(attributes.u32(ifa_cacheinfo.ifa_prefered));
        validSeconds = lifetime(attributes.u32(ifa_cacheinfo.ifa_valid));
    }
  }
  // IFA_ADDRESS is the peer of a point-to-point address; IPv6 sends IFA_LOCAL only with one.
  return {
    family: kind,
    ifindex: buffer.readUInt32LE(start + ifaddrmsg.ifa_index),
    address: `${local ?? remote ?? ''}/${buffer.readUInt8(start + ifaddrmsg.ifa_prefixlen)}`,
    peer: local !== null && remote !== local ? remote : null,
    broadcast,
    scope: routeScopeName(buffer.readUInt8(start + ifaddrmsg.ifa_scope)),
    label,
    flags,
    validSeconds,
    preferredSeconds,
    metric,
    tentative: (flags & addressFlag.tentative) !== 0,
  };
}

const lifetime = (seconds: number): number | null => (seconds === forever ? null : seconds);
