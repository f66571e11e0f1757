import {
  addressFamilies,
  decodeIpFamily,
  detectIpFamily,
  formatIpAddressBytes,
  type IpFamily,
  ipAddressToBytes,
  parseIpPrefix,
} from './ip-address.ts';
import type { NetlinkMessageReader, NetlinkMessageWriter } from './message.ts';
import { nlmsgFlags, rtmTypes } from './message-constants.ts';
import { emptyListIfDeviceGone } from './netlink-error.ts';
import { ifa_cacheinfo, ifaddrmsg } from './netlink-structs.ts';
import { type RouteScope, routeScopeName, routeScopeNumber } from './route-scope.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** Address attributes IFA_*, <linux/if_addr.h>. */
const ifa = { address: 1, local: 2, label: 3, broadcast: 4, lifetimes: 6, flags: 8, metric: 9 } as const;
/** Address flags IFA_F_*, <linux/if_addr.h>. */
export const interfaceAddressFlags = {
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
  family: IpFamily;
  ifindex: number;
  /** Address with prefix length, such as `10.42.0.33/32`. */
  address: string;
  /** Remote address of a point-to-point link; null otherwise. */
  peer: string | null;
  broadcast: string | null;
  scope: RouteScope;
  /** Label of an IPv4 address: the interface's name, or a name that begins with it. */
  label: string | null;
  /** Flags IFA_F_* of the address. */
  flags: number;
  /** Remaining valid lifetime in seconds; null for a permanent address. */
  validSeconds: number | null;
  preferredSeconds: number | null;
  /** Metric of the address's prefix route; null for the kernel's default. */
  metric: number | null;
  /** True for an IPv6 address that cannot be used yet, because duplicate address detection is running. */
  tentative: boolean;
}

export interface NewAddressOptions {
  /** Remote address of a point-to-point link, to which the prefix length then applies. */
  peer?: string;
  broadcast?: string;
  /** Scope of the address; default global. */
  scope?: RouteScope;
  label?: string;
  /** True to run duplicate address detection before an IPv6 address becomes usable; default false. */
  duplicateDetection?: boolean;
  /** True to let the kernel add the prefix route of the address; default true. */
  prefixRoute?: boolean;
  /** Further flags IFA_F_* of the address. */
  flags?: number;
  /** Valid lifetime in seconds, at least as long as the preferred one; default permanent. */
  validSeconds?: number;
  preferredSeconds?: number;
  /** Metric of the address's prefix route. */
  metric?: number;
}

/** Builds a netlink request that adds, replaces or deletes an address. */
export const buildAddressRequest = (
  verb: 'add' | 'replace' | 'delete',
  ifindex: number,
  address: string,
  options: NewAddressOptions = {},
): NetlinkRequest => ({
  operation: `${verb} address ${address} ${verb === 'add' ? 'to' : 'of'} ifindex ${ifindex}`,
  type: verb === 'delete' ? rtmTypes.delAddress : rtmTypes.newAddress,
  flags:
    verb === 'delete' ? 0 : nlmsgFlags.create | (verb === 'add' ? nlmsgFlags.exclusive : nlmsgFlags.replace),
  encode: (message) => encodeAddressMessage(message, ifindex, address, options),
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
  options: NewAddressOptions = {},
): Promise<void> => socket.request(buildAddressRequest('add', ifindex, address, options));

/** Adds an address, or updates the lifetimes, flags and metric of an existing one. */
export const replaceAddress = (
  socket: NetlinkSocket,
  ifindex: number,
  address: string,
  options: NewAddressOptions = {},
): Promise<void> => socket.request(buildAddressRequest('replace', ifindex, address, options));

/** Deletes an address. @throws NetlinkError EADDRNOTAVAIL if the interface does not have it */
export const deleteAddress = (
  socket: NetlinkSocket,
  ifindex: number,
  address: string,
  options: Pick<NewAddressOptions, 'peer'> = {},
): Promise<void> => socket.request(buildAddressRequest('delete', ifindex, address, options));

/** Lists IP addresses: all of the network namespace, or those of an interface or family. */
export async function listAddresses(
  socket: NetlinkSocket,
  filter: { ifindex?: number; family?: IpFamily } = {},
): Promise<InterfaceAddress[]> {
  const found = socket.dump(
    {
      operation: 'dump addresses',
      type: rtmTypes.getAddress,
      encode: (message) =>
        writeIfaddr(message, addressFamilies[filter.family ?? 'unspecified'], 0, 0, filter.ifindex ?? 0),
    },
    parseAddressMessage,
  );
  return filter.ifindex === undefined ? found : found.catch(emptyListIfDeviceGone<InterfaceAddress>);
}

export function encodeAddressMessage(
  message: NetlinkMessageWriter,
  ifindex: number,
  cidr: string,
  options: NewAddressOptions = {},
): void {
  const { address, length } = parseIpPrefix(cidr);
  const kind = detectIpFamily(address);
  const { peer, broadcast, scope = 'global', validSeconds, preferredSeconds } = options;
  for (const other of [peer, broadcast])
    if (other !== undefined && detectIpFamily(other) !== kind)
      throw new RangeError(`${other} and ${cidr}: not of the same address family`);
  const flags =
    (options.flags ?? 0) |
    (kind === 'ipv6' && !options.duplicateDetection ? interfaceAddressFlags.noDad : 0) |
    (options.prefixRoute === false ? interfaceAddressFlags.noPrefixRoute : 0);
  writeIfaddr(message, addressFamilies[kind], length, flags & 0xff, ifindex, scope);
  message.attributeBytes(ifa.local, ipAddressToBytes(address));
  message.attributeBytes(ifa.address, ipAddressToBytes(peer ?? address));
  if (broadcast !== undefined) message.attributeBytes(ifa.broadcast, ipAddressToBytes(broadcast));
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
  message: NetlinkMessageWriter,
  number: number,
  length: number,
  flags: number,
  ifindex: number,
  scope: RouteScope = 'global',
): void => {
  message.u8(number).u8(length).u8(flags).u8(routeScopeNumber(scope)).u32(ifindex);
};

/** Parses RTM_NEWADDR or RTM_DELADDR; null for families other than IPv4 and IPv6. @throws MalformedNetlinkMessage */
export function parseAddressMessage(message: NetlinkMessageReader): InterfaceAddress | null {
  const attributes = message.attributes(ifaddrmsg.bytes);
  const { buffer, start } = message;
  const kind = decodeIpFamily(buffer.readUInt8(start + ifaddrmsg.ifa_family));
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
        local = formatIpAddressBytes(attributes.bytes());
        break;
      case ifa.address:
        remote = formatIpAddressBytes(attributes.bytes());
        break;
      case ifa.broadcast:
        broadcast = formatIpAddressBytes(attributes.bytes());
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
    tentative: (flags & interfaceAddressFlags.tentative) !== 0,
  };
}

const lifetime = (seconds: number): number | null => (seconds === forever ? null : seconds);
