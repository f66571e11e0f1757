import type { OffloadFeature } from '../../kernel/ethtool-features.ts';
import type { QueueSetting } from '../../kernel/interface-queues.ts';
import type { InterfaceSysctl } from '../../kernel/interface-sysctls.ts';
import type { MptcpEndpoint } from '../../netlink/mptcp-endpoint.ts';
import type { RawAttribute, RawObject } from '../../netlink/raw-object.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { RedirectingAction } from './redirecting-actions.ts';

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
  /** Routes through a next hop object; they move with it. */
  nextHopRoutes: RawObject[];
  nextHops: RawObject[];
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
  redirects: RedirectingAction[];
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
