import { noneWhenGone } from './error.ts';
import { addressBytes, type Family, family, familyName, familyOf, formatAddress, parsePrefix } from './ip.ts';
import type { MessageReader, MessageWriter } from './message.ts';
import { nlmFlag, rtm } from './rtnetlink.ts';
import { type Scope, scopeName, scopeNumber } from './scope.ts';
import type { RtnetlinkSocket } from './socket.ts';

/** IFA_*, <linux/if_addr.h>. */
const ifa = { address: 1, local: 2, label: 3, flags: 8 } as const;
const ifaddrBytes = 8;
const IFA_F_NODAD = 0x02;
const IFA_F_TENTATIVE = 0x40;

/** An address on an interface. */
export interface InterfaceAddress {
  family: Family;
  ifindex: number;
  /** with the length of its prefix: `10.42.0.33/32` */
  address: string;
  /** the other side of a point-to-point address */
  peer: string | null;
  scope: Scope;
  label: string | null;
  /** IFA_F_* */
  flags: number;
  /** IPv6: not usable yet, duplicate detection runs */
  tentative: boolean;
}

/**
 * Gives an interface an address, `10.42.0.33/32`. IPv6 addresses skip duplicate detection, so that they can be
 * used at once. @throws NetlinkError EEXIST when it has it, RangeError when it is no address
 */
export const addAddress = (socket: RtnetlinkSocket, ifindex: number, address: string): Promise<void> =>
  socket.request({
    tried: `add address ${address} to ifindex ${ifindex}`,
    type: rtm.newAddress,
    flags: nlmFlag.create | nlmFlag.exclusive,
    encode: (message) => encodeAddress(message, ifindex, address),
  });

/** As `addAddress`, and nothing to do when the interface has it. */
export const replaceAddress = (socket: RtnetlinkSocket, ifindex: number, address: string): Promise<void> =>
  socket.request({
    tried: `set address ${address} on ifindex ${ifindex}`,
    type: rtm.newAddress,
    flags: nlmFlag.create | nlmFlag.replace,
    encode: (message) => encodeAddress(message, ifindex, address),
  });

/** @throws NetlinkError EADDRNOTAVAIL when the interface does not have it */
export const deleteAddress = (socket: RtnetlinkSocket, ifindex: number, address: string): Promise<void> =>
  socket.request({
    tried: `delete address ${address} of ifindex ${ifindex}`,
    type: rtm.delAddress,
    encode: (message) => encodeAddress(message, ifindex, address),
  });

/** All addresses of the namespace, or of one interface, or of one family. */
export async function addresses(
  socket: RtnetlinkSocket,
  filter: { ifindex?: number; family?: Family } = {},
): Promise<InterfaceAddress[]> {
  const found = socket.dump(
    {
      tried: 'dump addresses',
      type: rtm.getAddress,
      encode: (message) =>
        writeIfaddr(message, family[filter.family ?? 'unspecified'], 0, 0, filter.ifindex ?? 0),
    },
    parseAddress,
  );
  return filter.ifindex === undefined ? found : found.catch(noneWhenGone<InterfaceAddress>);
}

export function encodeAddress(message: MessageWriter, ifindex: number, cidr: string): void {
  const { address, length } = parsePrefix(cidr);
  const kind = familyOf(address);
  const bytes = addressBytes(address);
  writeIfaddr(message, family[kind], length, kind === 'ipv6' ? IFA_F_NODAD : 0, ifindex);
  message.attributeBytes(ifa.local, bytes);
  message.attributeBytes(ifa.address, bytes);
}

/** struct ifaddrmsg: u8 family, u8 prefix length, u8 flags, u8 scope, u32 index. */
const writeIfaddr = (
  message: MessageWriter,
  number: number,
  length: number,
  flags: number,
  ifindex: number,
): void => {
  message.u8(number).u8(length).u8(flags).u8(scopeNumber('global')).u32(ifindex);
};

/** Reads RTM_NEWADDR or RTM_DELADDR; null for a family we do not speak. @throws MalformedMessage */
export function parseAddress(message: MessageReader): InterfaceAddress | null {
  const attributes = message.attributes(ifaddrBytes);
  const { buffer, start } = message;
  const kind = familyName(buffer[start]!);
  if (kind === null) return null;
  let flags = buffer[start + 2]!;
  let local: string | null = null;
  let remote: string | null = null;
  let label: string | null = null;
  while (attributes.next()) {
    if (attributes.type === ifa.local) local = formatAddress(attributes.bytes());
    else if (attributes.type === ifa.address) remote = formatAddress(attributes.bytes());
    else if (attributes.type === ifa.label) label = attributes.string();
    else if (attributes.type === ifa.flags) flags = attributes.u32();
  }
  // IFA_ADDRESS is the other side where there is one; IPv6 sends no IFA_LOCAL otherwise.
  return {
    family: kind,
    ifindex: buffer.readUInt32LE(start + 4),
    address: `${local ?? remote ?? ''}/${buffer[start + 1]}`,
    peer: local !== null && remote !== local ? remote : null,
    scope: scopeName(buffer[start + 3]!),
    label,
    flags,
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
  };
}
