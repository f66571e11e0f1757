import { ifla } from '../../netlink/link-attributes.ts';
import { rtmTypes } from '../../netlink/message-constants.ts';
import { ifinfomsg } from '../../netlink/netlink-structs.ts';
import { buildRawRequest, getRawAttribute, type RawAttribute, rawU32 } from '../../netlink/raw-object.ts';
import type { NetlinkRequest } from '../../netlink/socket.ts';
import { type EndState, hasLinkLayerAddresses } from './end-state.ts';

/** Interface flags that users set: DEBUG, NOTRAILERS, PROMISC, ALLMULTI, MULTICAST, DYNAMIC, <linux/if.h>. */
const settableInterfaceFlags = 0x4 | 0x20 | 0x100 | 0x200 | 0x1000 | 0x8000;
/** Interface flag IFF_NOARP; set for good where there are no link-layer addresses. */
const noArpFlag = 0x80;

/** Returns the mask of the interface flags that users may set on all of these interfaces. */
export const getSettableFlags = (ends: readonly Pick<EndState, 'link'>[]): number =>
  settableInterfaceFlags | (ends.every(hasLinkLayerAddresses) ? noArpFlag : 0);

/**
 * Settings of a link that are set as they are reported, in this order: `gso_max_size` also sets the limit of IPv4, so
 * that one comes after it.
 */
export const settableLinkAttributes = [
  ifla.transmitQueueLength,
  ifla.linkMode,
  ifla.alias,
  ifla.group,
  ifla.gsoMaxSegments,
  ifla.gsoMaxSize,
  ifla.groMaxSize,
  ifla.gsoIpv4MaxSize,
  ifla.groIpv4MaxSize,
] as const;

/** Builds the requests that give another interface the settings of a link where they differ from its own. */
export function buildLinkSettingRequests(from: EndState, to: EndState): NetlinkRequest[] {
  const requests = settableLinkAttributes.flatMap((type) => {
    const value = getRawAttribute(from.link, type);
    if (value === null || value.equals(getRawAttribute(to.link, type) ?? Buffer.alloc(0))) return [];
    return [buildLinkRequest(to.ifindex, [{ type, value }])];
  });
  return [...requests, ...buildFlagRequests(from, to, to.ifindex, settableInterfaceFlags)];
}

/**
 * Builds the request that gives another interface the flag of one without ARP. After the addresses, since an interface
 * with the flag joins no solicited-node group, and before the neighbors, which the kernel drops when it changes.
 */
export const buildNoArpRequests = (
  from: Pick<EndState, 'link'>,
  to: Pick<EndState, 'link'>,
  ifindex: number,
): NetlinkRequest[] =>
  buildFlagRequests(from, to, ifindex, getSettableFlags([from, to]) & ~settableInterfaceFlags);

function buildFlagRequests(
  from: Pick<EndState, 'link'>,
  to: Pick<EndState, 'link'>,
  ifindex: number,
  mask: number,
): NetlinkRequest[] {
  const [wanted = 0, present] = [from, to].map(({ link }) => readInterfaceFlags(link) & mask);
  return wanted === present ? [] : [buildLinkRequest(ifindex, [], wanted, mask)];
}

/** Builds the request that makes an interface a port of the bridge, bond or VRF that another one is a port of. */
export function buildMasterRequests(
  from: EndState,
  to: Pick<EndState, 'link'> & { ifindex: number },
): NetlinkRequest[] {
  const none = rawU32(0);
  const [value, present] = [from, to].map(({ link }) => getRawAttribute(link, ifla.master) ?? none);
  if (value === undefined || present?.equals(value)) return [];
  return [buildLinkRequest(to.ifindex, [{ type: ifla.master, value }])];
}

/** Builds a request that sets attributes and flags of a link. @param change mask of the flags to set */
export function buildLinkRequest(
  ifindex: number,
  attributes: readonly RawAttribute[],
  flags = 0,
  change = 0,
): NetlinkRequest {
  const body = Buffer.alloc(ifinfomsg.bytes);
  body.writeInt32LE(ifindex, ifinfomsg.ifi_index);
  body.writeUInt32LE(flags >>> 0, ifinfomsg.ifi_flags);
  body.writeUInt32LE(change >>> 0, ifinfomsg.ifi_change);
  return buildRawRequest(`set link ifindex ${ifindex}`, rtmTypes.setLink, 0, { body, attributes });
}

export const readInterfaceFlags = ({ body }: EndState['link']): number =>
  body.readUInt32LE(ifinfomsg.ifi_flags);
