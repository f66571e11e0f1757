import type { OffloadFeature } from '../../kernel/ethtool-features.ts';
import type { QueueSetting } from '../../kernel/interface-queues.ts';
import type { InterfaceSysctl } from '../../kernel/interface-sysctls.ts';
import { ifla } from '../../netlink/link-attributes.ts';
import type { MptcpEndpoint } from '../../netlink/mptcp-endpoint.ts';
import { ifinfomsg } from '../../netlink/netlink-structs.ts';
import { getRawAttribute, type RawAttribute, type RawObject } from '../../netlink/raw-object.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { MirredAction } from './mirred-actions.ts';

/** One end of a pod's device: an interface in a network namespace. */
export interface DeviceEndRef {
  socket: NetlinkSocket;
  /** Descriptor of the namespace; undefined for the agent's own, the host's. */
  namespaceFd: number | undefined;
  ifindex: number;
}

/**
 * Network state of one end of a device: all that its namespace holds about it, as the kernel reported it. Objects that
 * the kernel makes by itself are kept apart, since they come and go with their cause.
 */
export interface EndState {
  ifindex: number;
  name: string;
  link: RawObject;
  addresses: RawObject[];
  /** Routes of all tables through the interface, without those of `kernelRoutes` and `nextHopRoutes`. */
  routes: RawObject[];
  /** Routes that the kernel adds with an address (RTPROT_KERNEL). */
  kernelRoutes: RawObject[];
  /** Routes through a next hop object or a group; they move with it. */
  nextHopRoutes: RawObject[];
  /** Next hop objects through the interface. */
  nextHops: RawObject[];
  /** Groups with a member among `nextHops`; the kernel takes a next hop that is deleted out of its groups. */
  nextHopGroups: RawObject[];
  neighbors: RawObject[];
  proxyNeighbors: RawObject[];
  /** Bridge forwarding entries of the interface. */
  bridgeEntries: RawObject[];
  /** VLANs of the interface as a port of a bridge. */
  bridgeVlans: RawAttribute[];
  qdiscs: RawObject[];
  trafficClasses: RawObject[];
  filters: RawObject[];
  sysctls: InterfaceSysctl[];
  offloads: OffloadFeature[];
  queues: QueueSetting[];
  /** Link-layer multicast addresses that were added by hand. */
  linkLayerGroups: string[];
  /** Actions of traffic control, of whatever interface, that send packets to this one. */
  redirects: MirredAction[];
  /** IPsec policies that apply to the interface only. */
  securityPolicies: RawObject[];
  mptcpEndpoints: MptcpEndpoint[];
}

/** Both ends of a device. */
export interface DeviceState {
  pod: EndState;
  host: EndState;
}

export type DeviceEndName = keyof DeviceState;

/** Interface type ARPHRD_NONE has no link-layer addresses. */
export const hasLinkLayerAddresses = ({ link }: Pick<EndState, 'link'>): boolean =>
  link.body.readUInt16LE(ifinfomsg.ifi_type) === 1 &&
  getRawAttribute(link, ifla.address)?.some((byte) => byte !== 0) === true;
