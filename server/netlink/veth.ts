import { checkPair, endText, ifla, iflaInfo, type NewEnd, type NewPeer, writeEnd } from './ifinfomsg.ts';
import type { MessageWriter } from './message.ts';
import { nlmFlag, rtm } from './constants.ts';
import type { Request, RtnetlinkSocket } from './socket.ts';

/** VETH_INFO_PEER, <linux/veth.h> */
const infoPeer = 1;

/**
 * Give both MACs here where permanent neighbours will name them: changing one later flushes those neighbours.
 */
export interface NewVeth {
  primary: NewEnd;
  peer: NewPeer;
}

export function encodeVeth(message: MessageWriter, veth: NewVeth): void {
  const { primary, peer } = veth;
  checkPair(veth);
  writeEnd(message, primary);
  const info = message.openNest(ifla.linkInfo);
  message.attributeString(iflaInfo.kind, 'veth');
  const data = message.openNest(iflaInfo.data);
  const nested = message.openNest(infoPeer);
  writeEnd(message, peer);
  message.closeNest(nested);
  message.closeNest(data);
  message.closeNest(info);
}

/** The request of `addVeth`, for a batch. */
export const vethRequest = (veth: NewVeth): Request => ({
  tried: `add veth ${endText(veth.primary)} with peer ${endText(veth.peer)}`,
  type: rtm.newLink,
  flags: nlmFlag.create | nlmFlag.exclusive,
  encode: (message) => encodeVeth(message, veth),
});

/** @throws NetlinkError EEXIST when a name or an ifindex is taken (newer kernels: EBUSY for the peer's ifindex) */
export const addVeth = (socket: RtnetlinkSocket, veth: NewVeth): Promise<void> =>
  socket.request(vethRequest(veth));
