import { macBytes } from './ip-address.ts';
import { encodeIfinfomsg, iff, ifla } from './link-attributes.ts';
import type { MessageWriter } from './message.ts';

/** The primary of a device pair to be created. */
export interface NewDeviceEnd {
  name: string;
  /** chosen by the caller, else by the kernel; for both ends or for the primary alone */
  ifindex?: number;
  /** in bytes; the ends do not inherit it from each other */
  mtu?: number;
  mac?: string;
  /** descriptor of the network namespace; without it, the socket's */
  netnsFd?: number;
  /** administratively up at once */
  up?: boolean;
}

/** The peer of a device pair. It is created down: veth refuses IFF_UP at creation (ENOTCONN), netkit ignores it. */
export type NewDevicePeer = Omit<NewDeviceEnd, 'up'>;

/** Writes struct ifinfomsg and the attributes of an end: the primary's as the message's body, the peer's nested. */
export function encodeDeviceEnd(message: MessageWriter, end: NewDeviceEnd): void {
  const up = end.up ? iff.up : 0;
  encodeIfinfomsg(message, end.ifindex ?? 0, up, up);
  message.attributeString(ifla.name, end.name);
  if (end.mtu !== undefined) message.attributeU32(ifla.mtu, end.mtu);
  if (end.mac !== undefined) message.attributeBytes(ifla.address, macBytes(end.mac));
  if (end.netnsFd !== undefined) message.attributeU32(ifla.namespaceFd, end.netnsFd);
}

/** @throws RangeError for a request that the kernel would accept but carry out differently */
export function checkDevicePair({ primary, peer }: { primary: NewDeviceEnd; peer: NewDevicePeer }): void {
  // veth_newlink and netkit_new_link read the peer's ifindex only if the primary has one.
  if (peer.ifindex !== undefined && primary.ifindex === undefined)
    throw new RangeError(
      `${deviceEndText(peer)}: the kernel ignores it unless ${primary.name} has an ifindex too`,
    );
}

/** Formats an end for error messages: `pl0 (ifindex 1048576)`. */
export const deviceEndText = (end: NewDeviceEnd): string =>
  end.ifindex === undefined ? end.name : `${end.name} (ifindex ${end.ifindex})`;
