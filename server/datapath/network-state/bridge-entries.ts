import { ifla } from '../../netlink/link-attributes.ts';
import { rtmTypes } from '../../netlink/message-constants.ts';
import { ndmsg } from '../../netlink/netlink-structs.ts';
import {
  dumpRawObjects,
  getRawAttribute,
  getRawU32,
  type RawObject,
  rawU32,
} from '../../netlink/raw-object.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { buildNeighborRequests } from './neighbor-requests.ts';
import { addressFamilies, nda, neighborFlags, neighborStates } from './rtnetlink-constants.ts';

/** States of entries that somebody added: static (NUD_NOARP), and those that the bridge takes for itself. */
const addedStates = neighborStates.noArp | neighborStates.permanent;

/**
 * Lists the forwarding entries of an interface that somebody added: of the bridge that it is a port of, and addresses
 * that it receives itself (`self`). Left out are its own address, groups, and what the bridge gives its ports by
 * itself.
 */
export async function listBridgeEntries(
  socket: NetlinkSocket,
  ifindex: number,
  link: RawObject,
): Promise<RawObject[]> {
  const own = getRawAttribute(link, ifla.address);
  const all = (await dumpEntries(socket, ifindex)).filter(
    (entry) => macOf(entry) !== '' && macOf(entry) !== own?.toString('hex') && isAdded(entry),
  );
  const bridge = getRawU32(link, ifla.master);
  if (bridge === null || !all.some(isOwnEntry)) return all;
  // A bridge whose port is not promiscuous has it receive the addresses of all static entries.
  const synchronized = new Set(
    (await dumpEntries(socket, 0, bridge)).filter((entry) => !isOwnEntry(entry)).map(macOf),
  );
  return all.filter((entry) => !(isOwnEntry(entry) && synchronized.has(macOf(entry))));
}

/** Tells whether an entry is an address that the interface receives itself, and not one of a bridge. */
export const isOwnEntry = ({ body }: RawObject): boolean =>
  ((body[ndmsg.ndm_flags] ?? 0) & neighborFlags.self) !== 0;

/** Returns what identifies an entry of an interface: its MAC address, its VLAN, and whose it is. */
export const bridgeEntryKey = (entry: RawObject): string =>
  `${macOf(entry)} ${getRawAttribute(entry, nda.vlan)?.toString('hex') ?? ''} ${isOwnEntry(entry) ? 'self' : ''}`;

/** Tells by the key of an entry whether it is an address that the interface receives itself. */
export const isOwnEntryKey = (key: string): boolean => key.endsWith(' self');

/**
 * Moves the entries of a bridge from one port to another, each in place: frames to those addresses leave by the other
 * port from then on. Those that the bridge learned move as well, since it would go on sending by the old port to a pod that
 * sends nothing itself; they are sticky, so that a last frame by the old port does not move them back. Idempotent.
 * @returns the entries that somebody added
 */
export async function moveBridgeEntries(
  socket: NetlinkSocket,
  from: { ifindex: number; link: RawObject },
  to: number,
): Promise<RawObject[]> {
  if (getRawU32(from.link, ifla.master) === null) return [];
  const moved = (await listBridgeEntries(socket, from.ifindex, from.link)).filter(
    (entry) => !isOwnEntry(entry),
  );
  const learned = (await dumpEntries(socket, from.ifindex))
    .filter(isLearned)
    .map((entry) => asLearned(entry, neighborFlags.sticky));
  if (moved.length + learned.length > 0)
    await socket.batch(buildNeighborRequests([...moved, ...learned], to));
  return moved;
}

/** Tells whether a bridge has learned an entry from a frame. */
function isLearned(entry: RawObject): boolean {
  const state = entry.body.readUInt16LE(ndmsg.ndm_state);
  return !isOwnEntry(entry) && !isAdded(entry) && (state & addedStates) === 0 && macOf(entry) !== '';
}

/** Returns an entry in the only state that ages and that the kernel takes. */
function asLearned(entry: RawObject, flags: number): RawObject {
  const body = Buffer.from(entry.body);
  body.writeUInt16LE(neighborStates.reachable, ndmsg.ndm_state);
  body[ndmsg.ndm_flags] = neighborFlags.master | flags;
  return { ...entry, body };
}

/** Lets the bridge move the entries again that `moveBridgeEntries` made sticky. Idempotent. */
export async function releaseLearnedEntries(socket: NetlinkSocket, ifindex: number): Promise<void> {
  const sticky = (await dumpEntries(socket, ifindex)).filter(
    (entry) => isLearned(entry) && ((entry.body[ndmsg.ndm_flags] ?? 0) & neighborFlags.sticky) !== 0,
  );
  if (sticky.length > 0)
    await socket.batch(
      buildNeighborRequests(
        sticky.map((entry) => asLearned(entry, 0)),
        ifindex,
      ),
    );
}

function dumpEntries(socket: NetlinkSocket, ifindex: number, bridge?: number): Promise<RawObject[]> {
  const body = Buffer.alloc(ndmsg.bytes);
  body[ndmsg.ndm_family] = addressFamilies.bridge;
  body.writeInt32LE(ifindex, ndmsg.ndm_ifindex);
  const filter = bridge === undefined ? [] : [{ type: nda.master, value: rawU32(bridge) }];
  return dumpRawObjects(socket, 'dump bridge forwarding entries', rtmTypes.getNeighbor, body, filter).then(
    (entries) =>
      entries.filter((entry) => ifindex === 0 || entry.body.readInt32LE(ndmsg.ndm_ifindex) === ifindex),
  );
}

const macOf = (entry: RawObject): string =>
  getRawAttribute(entry, nda.linkLayerAddress)?.toString('hex') ?? '';

function isAdded(entry: RawObject): boolean {
  if (isOwnEntry(entry)) return !isGroup(macOf(entry));
  const flags = entry.body[ndmsg.ndm_flags] ?? 0;
  const state = entry.body.readUInt16LE(ndmsg.ndm_state);
  return (state & addedStates) !== 0 || (flags & neighborFlags.externallyLearned) !== 0;
}

/** Tells whether a MAC address in hex is that of a group: the lowest bit of its first byte is set. */
const isGroup = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
