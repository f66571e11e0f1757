import { rtmTypes } from '../../netlink/message-constants.ts';
import { ifaddrmsg } from '../../netlink/netlink-structs.ts';
import { getRawAttribute, getRawString, type RawObject, rawU32 } from '../../netlink/raw-object.ts';
import type { NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';
import { buildAddressDeletion, buildAddressRequest } from './address-requests.ts';
import { describeAddress } from './describe-object.ts';
import { listRawAddresses } from './read-end-state.ts';
import { addressFamilies, addressFlags, ifa } from './rtnetlink-constants.ts';

/** Scope RT_SCOPE_HOST, <linux/rtnetlink.h>. */
const hostScope = 254;

/**
 * Gives the IPv4 addresses of an interface the labels, broadcast addresses and scopes that they are to have. The
 * kernel's rename of an interface keeps its name as the label of the first address only and numbers the others
 * (`inetdev_changename` in net/ipv4/devinet.c). None of the three can be changed, so the addresses from the first wrong
 * one on are removed, last first, and added again.
 * @param wanted addresses as they are to be, in order
 */
export async function remakeDifferingAddresses(
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
      unchangeable(other) !== unchangeable(address)
    );
  });
  const again = first < 0 ? [] : present.slice(first);
  const wantedByText = new Map(ipv4.map((address) => [describeAddress(address), address]));
  const requests: NetlinkRequest[] = [
    ...again.toReversed().map((address) => buildAddressDeletion(address, ifindex)),
    ...again.map((address) =>
      buildAddressRequest(wantedByText.get(describeAddress(address)) ?? address, ifindex),
    ),
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
  body: Buffer.from([addressFamilies.ipv4, 32, 0, hostScope, 0, 0, 0, 0]),
  attributes: [
    { type: ifa.local, value: placeholderBytes },
    { type: ifa.address, value: placeholderBytes },
    { type: ifa.flags, value: rawU32(addressFlags.noPrefixRoute) },
  ],
};

const isPlaceholder = (address: RawObject): boolean =>
  getRawAttribute(address, ifa.local)?.equals(placeholderBytes) === true;

const isIpv4 = ({ body }: RawObject): boolean => body[ifaddrmsg.ifa_family] === addressFamilies.ipv4;

/** Returns what the kernel does not change of an address that exists: label, broadcast address and scope. */
const unchangeable = (address: RawObject): string =>
  `${getRawString(address, ifa.label)} ${getRawAttribute(address, ifa.broadcast)?.toString('hex')} ${address.body[ifaddrmsg.ifa_scope]}`;
