/** Attributes of raw kernel objects that the network state looks into; all others are carried as they are. */

/** Address attributes IFA_*, <linux/if_addr.h>. */
export const ifa = {
  address: 1,
  local: 2,
  label: 3,
  broadcast: 4,
  lifetimes: 6,
  flags: 8,
  priority: 9,
} as const;
/** Address flags IFA_F_*, <linux/if_addr.h>. */
export const addressFlags = {
  /** IFA_F_TEMPORARY of IPv6; of IPv4 the same bit is IFA_F_SECONDARY. */
  temporary: 0x01,
  noDad: 0x02,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  noPrefixRoute: 0x200,
} as const;

/** Route attributes RTA_*, <linux/rtnetlink.h>. */
export const rta = {
  destination: 1,
  source: 2,
  device: 4,
  gateway: 5,
  priority: 6,
  metrics: 8,
  multipath: 9,
  cacheInfo: 12,
  table: 15,
  via: 18,
  encapsulationType: 21,
  encapsulation: 22,
  expires: 23,
  nextHopId: 30,
} as const;
/** Flag RTNH_F_ONLINK; the other next hop flags are states. <linux/rtnetlink.h> */
export const onlinkFlag = 0x4;
/** Origin RTPROT_KERNEL of a route: the kernel added it with an address. */
export const routeProtocolKernel = 2;

/** Next hop object attributes NHA_*, <linux/nexthop.h>. */
export const nha = { id: 1, group: 2, device: 5, resilientGroup: 12 } as const;
/**
 * Attributes of a next hop object that can be set: id, group and its type, blackhole, device, gateway, encapsulation,
 * fdb, resilient group.
 */
export const settableNextHopAttributes: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 11, 12];
export const nhmsg = { bytes: 8, family: 0, scope: 1, protocol: 2, flags: 4 } as const;

/** Neighbor attributes NDA_*, <linux/neighbour.h>. */
export const nda = {
  destination: 1,
  linkLayerAddress: 2,
  cacheInfo: 3,
  probes: 4,
  vlan: 5,
  master: 9,
} as const;
/** Neighbor states NUD_* and flags NTF_*, <linux/neighbour.h>. */
export const neighborStates = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noArp: 0x40,
  permanent: 0x80,
} as const;
export const neighborFlags = {
  self: 0x02,
  master: 0x04,
  proxy: 0x08,
  externallyLearned: 0x10,
  sticky: 0x40,
} as const;

/** Traffic control attributes TCA_*, <linux/rtnetlink.h>. */
export const tca = {
  kind: 1,
  options: 2,
  statistics: 3,
  extendedStatistics: 4,
  rate: 5,
  dumpInvisible: 10,
  chain: 11,
  hardwareOffload: 12,
  statistics2: 7,
  padding: 9,
} as const;

/** Address families AF_INET, AF_INET6 and AF_BRIDGE. */
export const addressFamilies = { ipv4: 2, ipv6: 10, bridge: 7 } as const;
