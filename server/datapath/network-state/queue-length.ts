import { rtmTypes } from '../../netlink/message-constants.ts';
import { tcmsg } from '../../netlink/netlink-structs.ts';
import { dumpRawObjects, getRawAttribute, getRawNested } from '../../netlink/raw-object.ts';
import type { DeviceEndRef } from './end-state.ts';
import { tca } from './rtnetlink-constants.ts';

/** Attribute TCA_STATS_QUEUE with struct gnet_stats_queue, <linux/gen_stats.h>: u32 qlen first. */
const queueStatistics = 3;

/** Returns the number of packets that wait to be sent in the qdiscs of an interface. */
export async function readQueueLength({ socket, ifindex }: DeviceEndRef): Promise<number> {
  const all = await dumpRawObjects(socket, 'dump qdiscs', rtmTypes.getQdisc, Buffer.alloc(tcmsg.bytes));
  return all
    .filter(({ body }) => body.readInt32LE(tcmsg.tcm_ifindex) === ifindex)
    .map((qdisc) => {
      const statistics = { attributes: getRawNested(qdisc, tca.statistics2) };
      const queue = getRawAttribute(statistics, queueStatistics);
      return queue === null || queue.length < 4 ? 0 : queue.readUInt32LE(0);
    })
    .reduce((sum, length) => sum + length, 0);
}
