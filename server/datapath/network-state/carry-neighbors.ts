import { nlmsgFlags, rtmTypes } from '../../netlink/message-constants.ts';
import { ndmsg } from '../../netlink/netlink-structs.ts';
import {
  buildRawRequest,
  getRawAttribute,
  type RawObject,
  withBodyU32,
  withoutRawAttributes,
} from '../../netlink/raw-object.ts';
import type { NetlinkRequest } from '../../netlink/socket.ts';
import { nda, neighborStates } from './raw-attributes.ts';

/** Neighbour entries that the kernel resolves again by itself, so that nothing is lost without them. */
const transient =
  neighborStates.incomplete | neighborStates.failed | neighborStates.delay | neighborStates.probe;

/** Tells whether a neighbor entry is carried: not those of multicast, broadcast and unresolved addresses. */
export const isCarriedNeighbor = (entry: RawObject): boolean => {
  const state = entry.body.readUInt16LE(ndmsg.ndm_state);
  // The kernel has entries without ARP for groups; others were made by hand.
  if (state & neighborStates.noArp && isGroup(getRawAttribute(entry, nda.destination))) return false;
  return (state & transient) === 0 && state !== 0;
};

const isGroup = (address: Buffer | null): boolean =>
  address === null ||
  (address.length === 4 ? (address[0] ?? 0) >= 224 || address[3] === 255 : address[0] === 0xff);

/**
 * Builds the requests that add neighbor entries, proxy entries and bridge forwarding entries to another interface. A
 * device without link-layer addresses (netkit in L3 mode) takes proxy entries only: a permanent entry with another
 * device's MAC address would make the other end drop every packet (PACKET_OTHERHOST).
 */
export const buildNeighborRequests = (entries: readonly RawObject[], ifindex: number): NetlinkRequest[] =>
  entries.map((entry) =>
    buildRawRequest(
      `set a neighbor on ifindex ${ifindex}`,
      rtmTypes.newNeighbor,
      nlmsgFlags.create | nlmsgFlags.replace,
      withoutRawAttributes(
        withBodyU32(entry, ndmsg.ndm_ifindex, ifindex),
        nda.cacheInfo,
        nda.probes,
        nda.master,
      ),
    ),
  );
