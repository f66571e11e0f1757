import { nlmsgFlags, rtmTypes } from './message-constants.ts';
import { isNetlinkError } from './netlink-error.ts';
import { tcmsg } from './netlink-structs.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';
import { clsactQdiscHandle, encodeTcmsg, tcaAttributes } from './tc-message.ts';

/** Parent handle of the clsact qdisc: TC_H_CLSACT, <linux/pkt_sched.h>. */
const clsactParent = 0xffff_fff1;

/** Builds a netlink request that adds a clsact qdisc to an interface. */
export const buildAddClsactRequest = (ifindex: number): NetlinkRequest => ({
  operation: `add clsact qdisc to ifindex ${ifindex}`,
  type: rtmTypes.newQdisc,
  flags: nlmsgFlags.create | nlmsgFlags.exclusive,
  encode: (message) => {
    encodeTcmsg(message, { ifindex, handle: clsactQdiscHandle, parent: clsactParent });
    message.attributeString(tcaAttributes.kind, 'clsact');
  },
});

/** Adds a clsact qdisc to an interface. @throws NetlinkError EEXIST if it has one, ENOENT if sch_ingress is missing */
export const addClsactQdisc = (socket: NetlinkSocket, ifindex: number): Promise<void> =>
  socket.request(buildAddClsactRequest(ifindex));

/** Deletes the clsact qdisc of an interface with all its filters, including foreign ones. */
export const deleteClsactQdisc = (socket: NetlinkSocket, ifindex: number): Promise<void> =>
  socket.request({
    operation: `delete clsact qdisc of ifindex ${ifindex}`,
    type: rtmTypes.delQdisc,
    encode: (message) => {
      encodeTcmsg(message, { ifindex, handle: clsactQdiscHandle, parent: clsactParent });
      message.attributeString(tcaAttributes.kind, 'clsact');
    },
  });

/**
 * Finds the qdisc that holds an interface's filters: clsact, or the older `ingress`, which has no egress and must be
 * deleted before clsact can be added; null without either. @throws NetlinkError ENODEV
 */
export async function findFilterQdiscKind(
  socket: NetlinkSocket,
  ifindex: number,
): Promise<'clsact' | 'ingress' | null> {
  try {
    const kind = await socket.get(
      {
        operation: `get clsact qdisc of ifindex ${ifindex}`,
        type: rtmTypes.getQdisc,
        // Without it, kernels send the reply to multicast listeners only.
        flags: nlmsgFlags.echo,
        encode: (message) =>
          encodeTcmsg(message, { ifindex, handle: clsactQdiscHandle, parent: clsactParent }),
      },
      (message) => {
        const attributes = message.attributes(tcmsg.bytes);
        while (attributes.next()) if (attributes.type === tcaAttributes.kind) return attributes.string();
        return null;
      },
    );
    return kind === 'clsact' || kind === 'ingress' ? kind : null;
  } catch (error) {
    // EINVAL: there was one, and it was deleted.
    if (isNetlinkError(error, 'ENOENT', 'EINVAL')) return null;
    throw error;
  }
}

/** Lists the interfaces that have a `clsact` or `ingress` qdisc, by ifindex. */
export async function listIngressQdiscs(socket: NetlinkSocket): Promise<Map<number, 'clsact' | 'ingress'>> {
  const found = new Map<number, 'clsact' | 'ingress'>();
  await socket.dump(
    {
      operation: 'dump qdiscs',
      type: rtmTypes.getQdisc,
      encode: (message) => encodeTcmsg(message, {}),
    },
    (message) => {
      const attributes = message.attributes(tcmsg.bytes);
      while (attributes.next()) {
        if (attributes.type !== tcaAttributes.kind) continue;
        const kind = attributes.string();
        if (kind === 'clsact' || kind === 'ingress')
          found.set(message.buffer.readInt32LE(message.start + tcmsg.tcm_ifindex), kind);
      }
      return null;
    },
  );
  return found;
}
