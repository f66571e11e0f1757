import type { MessageWriter } from './message.ts';

/** IFLA_*: attributes of a link, <linux/if_link.h>. */
export const ifla = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  queueingDiscipline: 6,
  transmitQueueLength: 13,
  operationalState: 16,
  linkInfo: 18,
  alias: 20,
  stats64: 23,
  group: 27,
  namespaceFd: 28,
  extendedMask: 29,
  carrier: 33,
  linkNamespaceId: 37,
  propertyList: 52,
  altname: 53,
} as const;
/** IFLA_INFO_*: attributes inside of IFLA_LINKINFO. */
export const iflaInfo = { kind: 1, data: 2 } as const;
/** RTEXT_FILTER_SKIP_STATS of IFLA_EXT_MASK: omits IPv6's counters, most of a reply; the device's own stay. */
export const skipProtocolStats = 8;
/** IFF_* of <linux/if.h>. */
export const iff = { up: 0x1, noArp: 0x80, lowerUp: 0x1_0000 } as const;

/** Writes struct ifinfomsg: u8 family, u8 padding, u16 type, i32 index, u32 flags, u32 change. */
export const encodeIfinfomsg = (message: MessageWriter, index: number, flags = 0, change = 0): void => {
  message.u32(0).i32(index).u32(flags).u32(change);
};
