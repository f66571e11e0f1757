import { emptyWhenDeviceGone } from './error.ts';
import { addressBytes, type Family, addressFamily, familyOfNumber, familyOfAddress, formatAddress, parsePrefix } from './ip-address.ts';
import type { MessageReader, MessageWriter } from './message.ts';
import { nlmFlag, rtm } from './constants.ts';
import { type RouteScope, routeScopeName, routeScopeNumber } from './route-scope.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** IFA_*, <linux/if_addr.h>. */
const ifa = { address: 1, local: 2, label: 3, broadcast: 4, lifetimes: 6, flags: 8, metric: 9 } as const;
const ifaddrBytes = 8;
/** IFA_F_* */
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

/** An address on an interface. */
export interface InterfaceAddress {
  family: Family;
  ifindex: number;
  /** with the length of its prefix: `10.42.0.33/32` */
  address: string;
  /** the other side of a point-to-point address */
  peer: string | null;
  broadcast: string | null;
  scope: RouteScope;
  /** IPv4: the interface's name, or one that begins with it */
  label: string | null;
  /** IFA_F_*, see `addressFlag` */
  flags: number;
  /** seconds left; null: for ever */
  validSeconds: number | null;
  preferredSeconds: number | null;
  /** of the prefix's route; null: the kernel's choice */
  metric: number | null;
  /** IPv6: not usable yet, duplicate detection runs */
  tentative: boolean;
}

export interface AddressOptions {
  /** the other side of a point-to-point address; the prefix's length is then its own */
  peer?: string;
  broadcast?: string;
  /** default global */
  scope?: RouteScope;
  label?: string;
  /** IPv6: the kernel first asks whether somebody has it, and it cannot be used meanwhile. Default no */
  duplicateDetection?: boolean;
  /** the kernel adds a route to the prefix. Default yes */
  prefixRoute?: boolean;
  /** further IFA_F_*, see `addressFlag` */
  flags?: number;
  /** seconds; default for ever. The preferred ones must not be more */
  validSeconds?: number;
  preferredSeconds?: number;
  /** of the prefix's route */
  metric?: number;
}

/** The request of `addAddress` and its like, for a batch. */
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
 * Gives an interface an address, `10.42.0.33/32`. IPv6 addresses skip duplicate detection unless asked for, so that
 * they can be used at once. @throws NetlinkError EEXIST when it has it, RangeError when it is no address
 */
export const addAddress = (
  socket: NetlinkSocket,
  ifindex: number,
  address: string,
  options: AddressOptions = {},
): Promise<void> => socket.request(addressRequest('add', ifindex, address, options));

/** As `addAddress`; when the interface has it, its lifetimes, flags and metric become these. */
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

/** All addresses of the namespace, or of one interface, or of one family. */
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
      throw new RangeError(`${other} beside ${cidr}: not of its family`);
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
  // struct ifa_cacheinfo: u32 preferred, valid, created, updated. The kernel refuses preferred > valid.
  const lifetimes = Buffer.alloc(16);
  lifetimes.writeUInt32LE(preferredSeconds ?? validSeconds ?? forever, 0);
  lifetimes.writeUInt32LE(validSeconds ?? forever, 4);
  message.attributeBytes(ifa.lifetimes, lifetimes);
}

/** struct ifaddrmsg: u8 family, u8 prefix length, u8 flags, u8 scope, u32 index. */
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

/** Reads RTM_NEWADDR or RTM_DELADDR; null for a family we do not speak. @throws MalformedMessage */
export function parseAddress(message: MessageReader): InterfaceAddress | null {
  const attributes = message.attributes(ifaddrBytes);
  const { buffer, start } = message;
  const kind = familyOfNumber(buffer[start]!);
  if (kind === null) return null;
  let flags = buffer[start + 2]!;
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
        preferredSeconds = lifetime(attributes.u32());
        validSeconds = lifetime(attributes.u32(4));
    }
  }
  // IFA_ADDRESS is the other side where there is one; IPv6 sends no IFA_LOCAL otherwise.
  return {
    family: kind,
    ifindex: buffer.readUInt32LE(start + 4),
    address: `${local ?? remote ?? ''}/${buffer[start + 1]}`,
    peer: local !== null && remote !== local ? remote : null,
    broadcast,
    scope: routeScopeName(buffer[start + 3]!),
    label,
    flags,
    validSeconds,
    preferredSeconds,
    metric,
    tentative: (flags & addressFlag.tentative) !== 0,
  };
}

const lifetime = (seconds: number): number | null => (seconds === forever ? null : seconds);
