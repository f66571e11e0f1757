import { nlmsgFlags, rtmTypes } from '../../netlink/message-constants.ts';
import { ifaddrmsg } from '../../netlink/netlink-structs.ts';
import {
  buildRawRequest,
  getRawAttribute,
  getRawU32,
  mapRawAttribute,
  type RawObject,
  rawU32,
  withBodyU32,
} from '../../netlink/raw-object.ts';
import type { NetlinkRequest } from '../../netlink/socket.ts';
import { addressFamilies, addressFlags, ifa } from './rtnetlink-constants.ts';

/**
 * Builds the requests that add addresses to another interface, so that the kernel lists them in the same order. IPv6
 * addresses get IFA_F_NODAD, since duplicate address detection would find the old interface; `buildAddressFlagRequests`
 * sets their flags when that one is gone.
 */
export const buildAddressRequests = (addresses: readonly RawObject[], ifindex: number): NetlinkRequest[] =>
  orderForAssignment(addresses).map((address) =>
    buildAddressRequest(address, ifindex, isIpv6(address) ? addressFlags.noDad : 0),
  );

/** Builds the requests that set the flags of IPv6 addresses as they were on the old interface. */
export const buildAddressFlagRequests = (
  addresses: readonly RawObject[],
  ifindex: number,
): NetlinkRequest[] =>
  addresses
    .filter((address) => isIpv6(address) && !hasFlag(address, addressFlags.noDad))
    .map((address) => buildAddressRequest(address, ifindex, 0));

/** Builds a request that adds an address to an interface, or sets its attributes. @param extra flags IFA_F_* to add */
export function buildAddressRequest(address: RawObject, ifindex: number, extra = 0): NetlinkRequest {
  const deprecated = hasFlag(address, addressFlags.deprecated);
  const changed = mapRawAttribute(withBodyU32(address, ifaddrmsg.ifa_index, ifindex), ifa.flags, (value) =>
    rawU32((value.readUInt32LE(0) & ~addressFlags.tentative) | extra),
  );
  // An IPv4 address that ran out of its preferred lifetime is reported as preferred for ever: 0 deprecates it again.
  const moved = deprecated
    ? mapRawAttribute(changed, ifa.lifetimes, (value) => Buffer.concat([rawU32(0), value.subarray(4)]))
    : changed;
  return buildRawRequest(
    `set an address on ifindex ${ifindex}`,
    rtmTypes.newAddress,
    nlmsgFlags.create | nlmsgFlags.replace,
    moved,
  );
}

/** Builds a request that deletes an address from an interface. */
export const buildAddressDeletion = (address: RawObject, ifindex: number): NetlinkRequest =>
  buildRawRequest(
    `delete an address of ifindex ${ifindex}`,
    rtmTypes.delAddress,
    0,
    withBodyU32(address, ifaddrmsg.ifa_index, ifindex),
  );

/** The kernel lists IPv4 addresses as they were added, and IPv6 ones with the last added first. */
const orderForAssignment = (addresses: readonly RawObject[]): RawObject[] => [
  ...addresses.filter((each) => !isIpv6(each)),
  ...addresses.filter(isIpv6).toReversed(),
];

/** Tells whether the kernel made an address for privacy (RFC 8981); nobody else can add one. */
export const isTemporaryAddress = (address: RawObject): boolean =>
  isIpv6(address) && hasFlag(address, addressFlags.temporary);

/** Tells whether an address is a link-local one of IPv6, fe80::/10. */
export const isLinkLocalIpv6 = (address: RawObject): boolean => {
  const bytes = getRawAttribute(address, ifa.address);
  return isIpv6(address) && bytes?.[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80;
};

const isIpv6 = ({ body }: RawObject): boolean => body[ifaddrmsg.ifa_family] === addressFamilies.ipv6;
const hasFlag = (address: RawObject, flag: number): boolean =>
  ((getRawU32(address, ifa.flags) ?? 0) & flag) !== 0;
