import { conntrackMessages, cta } from './conntrack-attributes.ts';
import { type ConntrackEntry, parseConntrackEntry } from './conntrack-entry.ts';
import { type ConntrackSelection, compileConntrackSelection } from './conntrack-selection.ts';
import {
  type ConntrackTuple,
  encodeConntrackTuple,
  encodeTupleFamily,
  formatConntrackTuple,
  parseConntrackTuple,
} from './conntrack-tuple.ts';
import { addressFamilies, decodeIpFamily } from './ip-address.ts';
import type { NetlinkMessageReader } from './message.ts';
import { encodeNfgenmsg, netfilterMessageType } from './netfilter-message.ts';
import { isNetlinkError, NetlinkError } from './netlink-error.ts';
import { nfgenmsg } from './netlink-structs.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** Message IPCTNL_MSG_EXP_GET and attribute CTA_EXPECT_MASTER, <linux/netfilter/nfnetlink_conntrack.h>. */
const IPCTNL_MSG_EXP_GET = 1;
const CTA_EXPECT_MASTER = 1;

export interface ConntrackFilter extends ConntrackSelection {
  /** Tests an entry; the list has those for which it returns true. */
  matches?: (entry: ConntrackEntry) => boolean;
  /** Maximum number of entries; further ones that match are only counted. Default unlimited. */
  limit?: number;
}

/** Entries that matched, and how many more there were than the limit. */
export interface ConntrackEntries {
  entries: ConntrackEntry[];
  remaining: number;
}

/**
 * Lists entries of the connection table of a socket's namespace, of both families and all zones. The kernel dumps all
 * of them: its own filter by reply address (CTA_FILTER) misses those of an IPv6 address on Linux 6.18.
 * @param socket of protocol `netfilter` @throws NetlinkError EINVAL if the kernel has no ctnetlink
 */
export async function listConntrackEntries(
  socket: NetlinkSocket,
  filter: ConntrackFilter = {},
): Promise<ConntrackEntries> {
  const { matches = () => true, limit = Number.POSITIVE_INFINITY } = filter;
  const isSelected = compileConntrackSelection(filter);
  const found = new Map<string, ConntrackEntry>();
  let remaining = 0;
  await socket.dump(
    {
      operation: 'dump conntrack entries',
      type: netfilterMessageType('conntrack', conntrackMessages.get),
      encode: (message) => {
        // A dump that is repeated begins anew.
        found.clear();
        remaining = 0;
        encodeNfgenmsg(message, addressFamilies.unspecified);
      },
    },
    (message) => {
      const entry = isSelected(message) ? parseConntrackEntry(message) : null;
      if (entry === null || !matches(entry)) return null;
      // The kernel may dump an entry twice while the table changes.
      const key = `${entry.id} ${formatConntrackTuple(entry.original)}`;
      if (found.size < limit || found.has(key)) found.set(key, entry);
      else remaining++;
      return null;
    },
  );
  return { entries: [...found.values()], remaining };
}

/**
 * Returns the entry that packets of a tuple belong to, in whichever direction; null without one.
 * @param like an entry of the same zone
 */
export async function getConntrackEntry(
  socket: NetlinkSocket,
  tuple: ConntrackTuple,
  like: Pick<ConntrackEntry, 'attributes'>,
): Promise<ConntrackEntry | null> {
  try {
    return await socket.get(buildGetRequest(tuple, like), parseConntrackEntry);
  } catch (error) {
    if (isNetlinkError(error, 'ENOENT')) return null;
    throw error;
  }
}

/**
 * Reads entries again that were listed before. @returns for each, in order, the entry that packets of its original
 * tuple belong to now; null without one @throws NetlinkError
 */
export async function rereadConntrackEntries(
  socket: NetlinkSocket,
  entries: readonly ConntrackEntry[],
): Promise<(ConntrackEntry | null)[]> {
  const requests = entries.map((entry) => buildGetRequest(entry.original, entry));
  const replies = await socket.getEach(requests, parseConntrackEntry);
  return replies.map((reply) => {
    if (!(reply instanceof NetlinkError)) return reply;
    if (reply.code === 'ENOENT') return null;
    throw reply;
  });
}

const buildGetRequest = (
  tuple: ConntrackTuple,
  like: Pick<ConntrackEntry, 'attributes'>,
): NetlinkRequest => ({
  operation: `get the conntrack entry of ${formatConntrackTuple(tuple)}`,
  type: netfilterMessageType('conntrack', conntrackMessages.get),
  encode: (message) => {
    encodeTupleFamily(message, tuple);
    encodeConntrackTuple(message, cta.tupleOriginal, tuple);
    const zone = like.attributes.get(cta.zone);
    if (zone !== undefined) message.attributeBytes(cta.zone, zone);
  },
});

/**
 * Lists the masters of connections that helpers expect (the data connections of FTP), one per expectation. Deleting
 * the master's entry deletes its expectations. @throws NetlinkError
 */
export const listExpectationMasters = (socket: NetlinkSocket): Promise<ConntrackTuple[]> =>
  socket.dump(
    {
      operation: 'dump conntrack expectations',
      type: netfilterMessageType('expectation', IPCTNL_MSG_EXP_GET),
      encode: (message) => encodeNfgenmsg(message, addressFamilies.unspecified),
    },
    parseExpectationMaster,
  );

function parseExpectationMaster(message: NetlinkMessageReader): ConntrackTuple | null {
  const attributes = message.attributes(nfgenmsg.bytes);
  const family = decodeIpFamily(message.buffer.readUInt8(message.start + nfgenmsg.nfgen_family));
  if (family === null) return null;
  while (attributes.next())
    if (attributes.type === CTA_EXPECT_MASTER) return parseConntrackTuple(attributes.nested(), family);
  return null;
}
