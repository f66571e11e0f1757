import type { NetlinkMessageReader } from './message.ts';
import { rtmTypes } from './message-constants.ts';
import type { NetlinkSocket } from './socket.ts';
import { encodeTcmsg, tcaAttributes } from './tc-message.ts';

/** Parent of an interface's root qdisc, TC_H_ROOT of <linux/pkt_sched.h>. */
const rootParent = 0xffff_ffff;
/** struct tcmsg, <linux/rtnetlink.h>. */
const tcmsg = { bytes: 20, tcm_ifindex: 4, tcm_parent: 12 } as const;
/** Attribute TCA_STATS_QUEUE and the field `drops` of struct gnet_stats_queue, <linux/gen_stats.h>. */
const TCA_STATS_QUEUE = 3;
const dropsOffset = 8;

/**
 * Reads how many packets an interface's root qdisc has dropped since it was created; those of its children are included
 * (qdisc_tree_reduce_backlog, net/sched/sch_api.c). The kernel does not add them to the statistics of the interface. It
 * answers a request for one qdisc by a notification to all listeners, and dumps those of all interfaces; so they are
 * dumped.
 * @returns 0 for an interface without a queue, or that is gone; modulo 2^32
 */
export async function readQdiscDrops(socket: NetlinkSocket, ifindex: number): Promise<number> {
  const drops = await socket.dump(
    {
      operation: `dump the qdiscs of ifindex ${ifindex}`,
      type: rtmTypes.getQdisc,
      encode: (message) => encodeTcmsg(message, { ifindex }),
    },
    (message) => parseRootDrops(message, ifindex),
  );
  return drops[0] ?? 0;
}

function parseRootDrops(message: NetlinkMessageReader, ifindex: number): number | null {
  const { buffer, start } = message;
  if (buffer.readInt32LE(start + tcmsg.tcm_ifindex) !== ifindex) return null;
  if (buffer.readUInt32LE(start + tcmsg.tcm_parent) !== rootParent) return null;
  const attributes = message.attributes(tcmsg.bytes);
  while (attributes.next()) {
    if (attributes.type !== tcaAttributes.stats2) continue;
    const statistics = attributes.nested();
    while (statistics.next())
      if (statistics.type === TCA_STATS_QUEUE) return statistics.bytes().readUInt32LE(dropsOffset);
  }
  return null;
}
