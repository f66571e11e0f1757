import type { NetlinkMessageWriter } from './message.ts';

/** Link attributes IFLA_*, <linux/if_link.h>. */
export const ifla = {
  address: 1,
  broadcast: 2,
  name: 3,
  mtu: 4,
  link: 5,
  queueingDiscipline: 6,
  master: 10,
  transmitQueueLength: 13,
  operationalState: 16,
  linkMode: 17,
  linkInfo: 18,
  alias: 20,
  stats64: 23,
  /** IFLA_AF_SPEC: attributes by address family. */
  familySettings: 26,
  group: 27,
  namespaceFd: 28,
  extendedMask: 29,
  transmitQueues: 31,
  receiveQueues: 32,
  carrier: 33,
  linkNamespaceId: 37,
  gsoMaxSegments: 40,
  gsoMaxSize: 41,
  xdp: 43,
  /** IFLA_NEW_NETNSID: id of the namespace that the link moved to. */
  newNamespaceId: 45,
  /** IFLA_TARGET_NETNSID: id of the namespace that a request is about. */
  targetNamespaceId: 46,
  propertyList: 52,
  altname: 53,
  groMaxSize: 58,
  gsoIpv4MaxSize: 63,
  groIpv4MaxSize: 64,
} as const;
/** Attributes IFLA_INFO_* nested in IFLA_LINKINFO. */
export const iflaInfo = { kind: 1, data: 2, portKind: 4, portData: 5 } as const;
/** Value RTEXT_FILTER_SKIP_STATS of IFLA_EXT_MASK, which omits the bulky IPv6 counters but not those of the device. */
export const skipProtocolStatsFlag = 8;
/** Interface flags IFF_*, <linux/if.h>. */
export const interfaceFlags = { up: 0x1, noArp: 0x80, lowerUp: 0x1_0000 } as const;

/** Writes struct ifinfomsg: u8 family, u8 padding, u16 type, i32 index, u32 flags, u32 change. */
export const encodeIfinfomsg = (
  message: NetlinkMessageWriter,
  index: number,
  flags = 0,
  change = 0,
): void => {
  message.u32(0).i32(index).u32(flags).u32(change);
};
