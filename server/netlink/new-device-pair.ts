import { macAddressToBytes } from './ip-address.ts';
import { encodeIfinfomsg, ifla, interfaceFlags } from './link-attributes.ts';
import type { NetlinkMessageWriter } from './message.ts';

/** The primary of a device pair to create. */
export interface NewDeviceEnd {
  name: string;
  /** Interface index to request, either for both ends or for the primary alone; default chosen by the kernel. */
  ifindex?: number;
  /** MTU of this end in bytes; the ends of a pair do not inherit it from each other. */
  mtu?: number;
  mac?: string;
  /** Numbers of queues; default chosen by the kernel. */
  queues?: { transmit: number; receive: number };
  /** Descriptor of the network namespace for this end; default that of the socket. */
  netnsFd?: number;
  /** True to create this end of the device pair administratively up. */
  up?: boolean;
}

/** The peer of a device pair to create. It starts down: veth refuses IFF_UP (ENOTCONN), and netkit ignores it. */
export type NewDevicePeer = Omit<NewDeviceEnd, 'up'>;

/** Writes struct ifinfomsg and the attributes of one end of a device pair. */
export function encodeNewDeviceEnd(message: NetlinkMessageWriter, end: NewDeviceEnd): void {
  const up = end.up ? interfaceFlags.up : 0;
  encodeIfinfomsg(message, end.ifindex ?? 0, up, up);
  message.attributeString(ifla.name, end.name);
  if (end.mtu !== undefined) message.attributeU32(ifla.mtu, end.mtu);
  if (end.mac !== undefined) message.attributeBytes(ifla.address, macAddressToBytes(end.mac));
  if (end.queues !== undefined) {
    message.attributeU32(ifla.transmitQueues, end.queues.transmit);
    message.attributeU32(ifla.receiveQueues, end.queues.receive);
  }
  if (end.netnsFd !== undefined) message.attributeU32(ifla.namespaceFd, end.netnsFd);
}

/**
 * Checks a device pair.
 * @throws RangeError for a combination that the kernel would accept but not carry out as given
 */
export function checkDevicePair({ primary, peer }: { primary: NewDeviceEnd; peer: NewDevicePeer }): void {
  // veth_newlink and netkit_new_link read the peer's ifindex only if the primary has one.
  if (peer.ifindex !== undefined && primary.ifindex === undefined)
    throw new RangeError(
      `${formatDeviceEnd(peer)}: the kernel ignores it unless ${primary.name} has an ifindex too`,
    );
}

/** Formats one end of a device pair for error messages, such as `pl0 (ifindex 1048576)`. */
export const formatDeviceEnd = (end: NewDeviceEnd): string =>
  end.ifindex === undefined ? end.name : `${end.name} (ifindex ${end.ifindex})`;
