import { nlmFlag, rtm } from './constants.ts';
import {
  checkDevicePair,
  deviceEndText,
  encodeDeviceEnd,
  type NewDeviceEnd,
  type NewDevicePeer,
} from './device-pair.ts';
import { ifla, iflaInfo } from './link-attributes.ts';
import type { MessageWriter } from './message.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** Attribute VETH_INFO_PEER, <linux/veth.h>. */
const infoPeer = 1;

/**
 * A veth pair to be created. Set both MACs here if permanent neighbors will refer to them: changing a MAC later
 * flushes these neighbors.
 */
export interface NewVeth {
  primary: NewDeviceEnd;
  peer: NewDevicePeer;
}

export function encodeVeth(message: MessageWriter, veth: NewVeth): void {
  const { primary, peer } = veth;
  checkDevicePair(veth);
  encodeDeviceEnd(message, primary);
  const info = message.openNest(ifla.linkInfo);
  message.attributeString(iflaInfo.kind, 'veth');
  const data = message.openNest(iflaInfo.data);
  const nested = message.openNest(infoPeer);
  encodeDeviceEnd(message, peer);
  message.closeNest(nested);
  message.closeNest(data);
  message.closeNest(info);
}

/** Builds a netlink request that creates a veth pair. */
export const addVethRequest = (veth: NewVeth): NetlinkRequest => ({
  operation: `add veth ${deviceEndText(veth.primary)} with peer ${deviceEndText(veth.peer)}`,
  type: rtm.newLink,
  flags: nlmFlag.create | nlmFlag.exclusive,
  encode: (message) => encodeVeth(message, veth),
});

/**
 * Creates a veth pair.
 * @throws NetlinkError EEXIST if a name or ifindex is taken (newer kernels: EBUSY for the peer's ifindex)
 */
export const addVeth = (socket: NetlinkSocket, veth: NewVeth): Promise<void> =>
  socket.request(addVethRequest(veth));
