import { rtmTypes } from '../../netlink/message-constants.ts';
import { ifaddrmsg, rtmsg } from '../../netlink/netlink-structs.ts';
import {
  buildRawRequest,
  getRawAttribute,
  getRawU32,
  type RawObject,
  rawU32,
} from '../../netlink/raw-object.ts';
import type { NetlinkRequest } from '../../netlink/socket.ts';
import type { EndState } from './end-state.ts';
import { addressFamilies, addressFlags, ifa, routeProtocolKernel, rta } from './rtnetlink-constants.ts';

/** RT_TABLE_MAIN, RT_SCOPE_NOWHERE (any scope, for a deletion) and RTN_UNICAST, <linux/rtnetlink.h>. */
const mainTable = 254;
const anyScope = 255;
const unicast = 1;
/** IFA_F_SECONDARY of IPv4, the same bit as IFA_F_TEMPORARY of IPv6. */
const secondary = addressFlags.temporary;

/** Network that an address is in. */
interface ConnectedNetwork {
  family: number;
  length: number;
  bytes: Buffer;
}

/**
 * Builds the requests that delete the connected routes which the kernel adds with an interface's addresses, where the old
 * interface has none: somebody deleted them there, such as the CNI plugin ptp. To be sent after the addresses, and again
 * when their flags are set, since the kernel then restores such a route of IPv6.
 * @param old addresses and kernel routes of the old interface
 */
export function buildConnectedRouteDeletions(
  { addresses, kernelRoutes }: Pick<EndState, 'addresses' | 'kernelRoutes'>,
  ifindex: number,
): NetlinkRequest[] {
  const present = new Set(
    kernelRoutes.filter(isUnicast).map((route) => formatNetwork(networkOfRoute(route))),
  );
  const missing = new Map(
    addresses
      .flatMap(networkOfAddress)
      .map((network): [string, ConnectedNetwork] => [formatNetwork(network), network])
      .filter(([text]) => !present.has(text)),
  );
  return [...missing.values()].map(({ family, length, bytes }) => {
    const body = Buffer.alloc(rtmsg.bytes);
    body[rtmsg.rtm_family] = family;
    body[rtmsg.rtm_dst_len] = length;
    body[rtmsg.rtm_table] = mainTable;
    body[rtmsg.rtm_protocol] = routeProtocolKernel;
    body[rtmsg.rtm_scope] = anyScope;
    body[rtmsg.rtm_type] = unicast;
    return buildRawRequest(`delete a connected route of ifindex ${ifindex}`, rtmTypes.delRoute, 0, {
      body,
      attributes: [
        { type: rta.destination, value: bytes },
        { type: rta.device, value: rawU32(ifindex) },
      ],
    });
  });
}

const isUnicast = ({ body }: RawObject): boolean => body[rtmsg.rtm_type] === unicast;

const networkOfRoute = (route: RawObject): ConnectedNetwork => ({
  family: route.body[rtmsg.rtm_family] ?? 0,
  length: route.body[rtmsg.rtm_dst_len] ?? 0,
  bytes: getRawAttribute(route, rta.destination) ?? Buffer.alloc(0),
});

/** Returns the network for which the kernel adds a route with an address; none if it adds none. */
function networkOfAddress(address: RawObject): ConnectedNetwork[] {
  const family = address.body[ifaddrmsg.ifa_family] ?? 0;
  const length = address.body[ifaddrmsg.ifa_prefixlen] ?? 0;
  const flags = getRawU32(address, ifa.flags) ?? 0;
  const [own, other] = [getRawAttribute(address, ifa.local), getRawAttribute(address, ifa.address)];
  const ofNetwork = other ?? own;
  if (ofNetwork === null || (flags & addressFlags.noPrefixRoute) !== 0) return [];
  if (family === addressFamilies.ipv4) {
    const isPeer = own !== null && other !== null && !own.equals(other);
    if ((flags & secondary) !== 0 || (length === 32 && !isPeer)) return [];
  }
  return [{ family, length, bytes: maskBytes(ofNetwork, length) }];
}

const maskBytes = (bytes: Buffer, length: number): Buffer =>
  Buffer.from(
    bytes.map((byte, index) => byte & (0xff00 >> Math.max(0, Math.min(8, length - 8 * index))) & 0xff),
  );

const formatNetwork = ({ family, length, bytes }: ConnectedNetwork): string =>
  `${family} ${length} ${bytes.every((byte) => byte === 0) ? '' : bytes.toString('hex')}`;
