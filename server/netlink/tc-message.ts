import type { NetlinkMessageWriter } from './message.ts';

/** Attributes TCA_* of qdiscs and filters, <linux/rtnetlink.h>. */
export const tcaAttributes = { kind: 1, options: 2, stats2: 7, chain: 11 } as const;

/** Handle of the clsact qdisc, written `ffff:` in tc(8). */
export const clsactQdiscHandle = 0xffff_0000;

/** Writes struct tcmsg: u8 family, 3 bytes of padding, i32 ifindex, u32 handle, u32 parent, u32 info. */
export const encodeTcmsg = (
  message: NetlinkMessageWriter,
  fields: { ifindex?: number; handle?: number; parent?: number; info?: number },
): void => {
  const { ifindex = 0, handle = 0, parent = 0, info = 0 } = fields;
  message.u32(0).i32(ifindex).u32(handle).u32(parent).u32(info);
};
