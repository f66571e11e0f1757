import { ifla } from '../../netlink/link-attributes.ts';
import { rtmTypes } from '../../netlink/message-constants.ts';
import { ifinfomsg } from '../../netlink/netlink-structs.ts';
import { buildRawRequest, getRawAttribute, type RawAttribute, rawU32 } from '../../netlink/raw-object.ts';
import type { NetlinkRequest } from '../../netlink/socket.ts';
import type { EndState } from './end-state.ts';

/** Interface flags that users set: DEBUG, NOTRAILERS, PROMISC, ALLMULTI, MULTICAST, DYNAMIC, <linux/if.h>. */
export const settableInterfaceFlags = 0x4 | 0x20 | 0x100 | 0x200 | 0x1000 | 0x8000;

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
  const [wanted, present] = [from, to].map(({ link }) => readFlags(link) & settableInterfaceFlags);
  if (wanted !== present)
    requests.push(buildLinkRequest(to.ifindex, [], wanted ?? 0, settableInterfaceFlags));
  return requests;
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

export const readFlags = ({ body }: EndState['link']): number => body.readUInt32LE(ifinfomsg.ifi_flags);
