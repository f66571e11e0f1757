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
import { nda, neighborFlags, neighborStates } from './rtnetlink-constants.ts';

/** States of neighbor entries that the kernel resolves again by itself, so that nothing is lost without them. */
const transient =
  neighborStates.incomplete | neighborStates.failed | neighborStates.delay | neighborStates.probe;

/**
 * Tells whether a neighbor entry is carried over: not those in a state of `transient`, nor those that the kernel has
 * without ARP for multicast and broadcast addresses.
 */
export const isCarriedNeighbor = (entry: RawObject): boolean => {
  const state = entry.body.readUInt16LE(ndmsg.ndm_state);
  // Other entries without ARP were made by hand.
  if (state & neighborStates.noArp && isGroup(getRawAttribute(entry, nda.destination))) return false;
  return (state & transient) === 0 && state !== 0;
};

const isGroup = (address: Buffer | null): boolean =>
  address === null ||
  (address.length === 4 ? (address[0] ?? 0) >= 224 || address[3] === 255 : address[0] === 0xff);

/**
 * Builds the requests that add neighbor entries, proxy entries or bridge forwarding entries to another interface. The
 * caller passes no neighbor entries for a device without link-layer addresses (netkit in L3 mode): a permanent entry
 * with another device's MAC address would make the other end drop every packet (PACKET_OTHERHOST).
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

/** Tells whether somebody set a neighbor entry, and the kernel did not learn it: permanent, or externally learned. */
export const isConfiguredNeighbor = (entry: RawObject): boolean => {
  const flags = entry.body[ndmsg.ndm_flags] ?? 0;
  const byHand = neighborStates.permanent | neighborStates.noArp;
  const permanent = (entry.body.readUInt16LE(ndmsg.ndm_state) & byHand) !== 0;
  return isCarriedNeighbor(entry) && (permanent || (flags & neighborFlags.externallyLearned) !== 0);
};

/**
 * Builds the requests that delete from another interface the neighbor or proxy entries that somebody deleted from the
 * old one. Entries that the kernel learned are left to it.
 * @param last entries of the old interface when it was last read
 * @param now its present ones
 */
export function buildNeighborDeletions(
  last: readonly RawObject[],
  now: readonly RawObject[],
  ifindex: number,
): NetlinkRequest[] {
  const present = new Set(now.map(identifyNeighbor));
  return last
    .filter(
      (entry) => (isProxy(entry) || isConfiguredNeighbor(entry)) && !present.has(identifyNeighbor(entry)),
    )
    .map((entry) =>
      buildRawRequest(`delete a neighbor of ifindex ${ifindex}`, rtmTypes.delNeighbor, 0, {
        ...withBodyU32(entry, ndmsg.ndm_ifindex, ifindex),
        attributes: entry.attributes.filter(({ type }) => (type & typeMask) === nda.destination),
      }),
    );
}

const typeMask = 0x3fff;

const isProxy = ({ body }: RawObject): boolean => ((body[ndmsg.ndm_flags] ?? 0) & neighborFlags.proxy) !== 0;

/** Returns what identifies an entry of an interface: its family, its address, and whether it is a proxy entry. */
const identifyNeighbor = (entry: RawObject): string =>
  `${entry.body[ndmsg.ndm_family]} ${getRawAttribute(entry, nda.destination)?.toString('hex')} ${isProxy(entry)}`;
