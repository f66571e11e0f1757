import { macBytes } from './ip-address.ts';
import type { MessageWriter } from './message.ts';

/** Attributes of a link, <linux/if_link.h>. */
export const ifla = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  queueingDiscipline: 6,
  transmitQueueLength: 13,
  operationalState: 16,
  linkInfo: 18,
  alias: 20,
  stats64: 23,
  group: 27,
  namespaceFd: 28,
  extendedMask: 29,
  carrier: 33,
  linkNamespaceId: 37,
  propertyList: 52,
  altname: 53,
} as const;
export const iflaInfo = { kind: 1, data: 2 } as const;
/** IFLA_EXT_MASK: leaves IPv6's counters out of an answer, which are most of it; the device's own stay. */
export const skipProtocolStats = 8;
export const ifinfoBytes = 16;
export const iff = { up: 0x1, noArp: 0x80, lowerUp: 0x1_0000 } as const;

/** struct ifinfomsg: u8 family, pad, u16 type, i32 index, u32 flags, u32 change. */
export const encodeIfinfomsg = (message: MessageWriter, index: number, flags = 0, change = 0): void => {
  message.u32(0).i32(index).u32(flags).u32(change);
};

/** The primary of a pair of interfaces that is to be made. */
export interface NewDeviceEnd {
  name: string;
  /** chosen by the caller; without it, by the kernel. For both ends or for the primary alone */
  ifindex?: number;
  /** bytes; the ends do not inherit it from each other */
  mtu?: number;
  mac?: string;
  /** descriptor of the network namespace; without it, the socket's */
  netnsFd?: number;
  /** administratively up at once */
  up?: boolean;
}

/** Its peer. It is made down, to be upped after: at creation veth refuses (ENOTCONN) and netkit ignores it. */
export type NewDevicePeer = Omit<NewDeviceEnd, 'up'>;

/** struct ifinfomsg and attributes of an end: the primary's as the message's body, the peer's nested. */
export function encodeDeviceEnd(message: MessageWriter, end: NewDeviceEnd): void {
  const up = end.up ? iff.up : 0;
  encodeIfinfomsg(message, end.ifindex ?? 0, up, up);
  message.attributeString(ifla.name, end.name);
  if (end.mtu !== undefined) message.attributeU32(ifla.mtu, end.mtu);
  if (end.mac !== undefined) message.attributeBytes(ifla.address, macBytes(end.mac));
  if (end.netnsFd !== undefined) message.attributeU32(ifla.namespaceFd, end.netnsFd);
}

/** @throws RangeError for a request that the kernel would take and carry out otherwise */
export function checkDevicePair({ primary, peer }: { primary: NewDeviceEnd; peer: NewDevicePeer }): void {
  // veth_newlink and netkit_new_link look at the peer's only where the primary has one.
  if (peer.ifindex !== undefined && primary.ifindex === undefined)
    throw new RangeError(`${deviceEndText(peer)}: the kernel ignores it unless ${primary.name} has an ifindex too`);
}

/** `pl0 (ifindex 1048576)`, for the errors' sentences. */
export const deviceEndText = (end: NewDeviceEnd): string =>
  end.ifindex === undefined ? end.name : `${end.name} (ifindex ${end.ifindex})`;
