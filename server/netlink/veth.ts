import { ifla, iflaInfo } from './link-attributes.ts';
import type { NetlinkMessageWriter } from './message.ts';
import { nlmsgFlags, rtmTypes } from './message-constants.ts';
import {
  checkDevicePair,
  encodeNewDeviceEnd,
  formatDeviceEnd,
  type NewDeviceEnd,
  type NewDevicePeer,
} from './new-device-pair.ts';
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

export function encodeNewVeth(message: NetlinkMessageWriter, veth: NewVeth): void {
  const { primary, peer } = veth;
  checkDevicePair(veth);
  encodeNewDeviceEnd(message, primary);
  const info = message.openNest(ifla.linkInfo);
  message.attributeString(iflaInfo.kind, 'veth');
  const data = message.openNest(iflaInfo.data);
  const nested = message.openNest(infoPeer);
  encodeNewDeviceEnd(message, peer);
  message.closeNest(nested);
  message.closeNest(data);
  message.closeNest(info);
}

/** Builds a netlink request that creates a veth pair. */
export const buildAddVethRequest = (veth: NewVeth): NetlinkRequest => ({
  operation: `add veth ${formatDeviceEnd(veth.primary)} with peer ${formatDeviceEnd(veth.peer)}`,
  type: rtmTypes.newLink,
  flags: nlmsgFlags.create | nlmsgFlags.exclusive,
  encode: (message) => encodeNewVeth(message, veth),
});

/**
 * Creates a veth pair.
 * @throws NetlinkError EEXIST if a name or ifindex is taken (newer kernels: EBUSY for the peer's ifindex)
 */
export const addVeth = (socket: NetlinkSocket, veth: NewVeth): Promise<void> =>
  socket.request(buildAddVethRequest(veth));
