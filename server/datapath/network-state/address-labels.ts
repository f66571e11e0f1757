import { rtmTypes } from '../../netlink/message-constants.ts';
import { ifaddrmsg } from '../../netlink/netlink-structs.ts';
import {
  getRawAttribute,
  getRawString,
  mapRawAttribute,
  type RawObject,
  rawString,
  rawU32,
} from '../../netlink/raw-object.ts';
import type { NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';
import { buildAddressDeletion, buildAddressRequest } from './carry-addresses.ts';
import { describeAddress } from './describe-object.ts';
import { addressFlags, families, ifa } from './raw-attributes.ts';
import { listRawAddresses } from './read-end-state.ts';

/** Scope RT_SCOPE_HOST, <linux/rtnetlink.h>. */
const hostScope = 254;

/** Returns an address with its label changed from one interface name to another: `eth0:1` to `pn4:1`. */
export const relabel = (address: RawObject, from: string, to: string): RawObject =>
  mapRawAttribute(address, ifa.label, (value) => {
    const label = value.toString('utf8').replace(/\0.*$/s, '');
    return label === from || label.startsWith(`${from}:`)
      ? rawString(`${to}${label.slice(from.length)}`)
      : value;
  });

/**
 * Gives the IPv4 addresses of an interface that was renamed their labels back: the kernel's rename keeps the name for
 * the first address only and numbers the others (`inetdev_changename` in net/ipv4/devinet.c). A label cannot be
 * changed, so the addresses from the first wrong one on are removed, last first, and added again.
 * @param wanted addresses with the labels that they are to have, in order
 */
export async function restoreLabels(
  socket: NetlinkSocket,
  ifindex: number,
  wanted: readonly RawObject[],
): Promise<void> {
  const ipv4 = wanted.filter(isIpv4);
  const all = (await listRawAddresses(socket, ifindex)).filter(isIpv4);
  const present = all.filter((address) => !isPlaceholder(address));
  const first = present.findIndex((address, index) => {
    const other = ipv4[index];
    return (
      other !== undefined &&
      describeAddress(other) === describeAddress(address) &&
      getRawString(other, ifa.label) !== getRawString(address, ifa.label)
    );
  });
  const again = first < 0 ? [] : present.slice(first);
  const labels = new Map(ipv4.map((address) => [describeAddress(address), address]));
  const requests: NetlinkRequest[] = [
    ...again.toReversed().map((address) => buildAddressDeletion(address, ifindex)),
    ...again.map((address) => buildAddressRequest(labels.get(describeAddress(address)) ?? address, ifindex)),
  ];
  if (first === 0) requests.unshift(buildAddressRequest(placeholder, ifindex));
  // An agent that was killed may have left it.
  if (first === 0 || all.length > present.length) requests.push(buildAddressDeletion(placeholder, ifindex));
  if (requests.length > 0) await socket.batch(requests);
}

/**
 * Address that an interface has while its others are made again: without any, the kernel takes all IPv4 routes and
 * neighbors from it (`fib_disable_ip`). One of 127.0.0.0/8 with host scope is local already, and never a source.
 */
const placeholderBytes = Buffer.from([127, 254, 254, 254]);
const placeholder: RawObject = {
  messageType: rtmTypes.newAddress,
  body: Buffer.from([families.ipv4, 32, 0, hostScope, 0, 0, 0, 0]),
  attributes: [
    { type: ifa.local, value: placeholderBytes },
    { type: ifa.address, value: placeholderBytes },
    { type: ifa.flags, value: rawU32(addressFlags.noPrefixRoute) },
  ],
};

const isPlaceholder = (address: RawObject): boolean =>
  getRawAttribute(address, ifa.local)?.equals(placeholderBytes) === true;

const isIpv4 = ({ body }: RawObject): boolean => body[ifaddrmsg.ifa_family] === families.ipv4;
