import { getConntrackEntry, rereadConntrackEntries } from '../../netlink/conntrack.ts';
import { conntrackStatus } from '../../netlink/conntrack-attributes.ts';
import { type ConntrackEntry, formatConntrackEntry } from '../../netlink/conntrack-entry.ts';
import {
  buildCreateEntryRequest,
  buildDeleteEntryRequest,
  buildDeleteTupleRequest,
} from '../../netlink/conntrack-request.ts';
import { type ConntrackTuple, formatConntrackTuple } from '../../netlink/conntrack-tuple.ts';
import type { NetlinkError } from '../../netlink/netlink-error.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import {
  listMasqueradedConnections,
  type MasqueradedConnections,
  type MasqueradeSide,
} from './list-masqueraded-connections.ts';

/**
 * Number of connections per send. In a send the kernel works through the messages without a reply in between, so that
 * a connection is without an entry for a short time only; the limits of a send must not separate its two requests.
 */
const connectionsPerSend = 32;
/** Maximum number of attempts to create one entry, each after deleting what took its tuples. */
const maxAttempts = 16;

/**
 * Holds packets of connections back while `work` runs: those that match a tuple, before conntrack sees them (at
 * prerouting and output). Without it a packet between the deletion and the creation of an entry makes an entry of its
 * own, and the host itself answers a reply with a reset. The tuples are listed directly before.
 */
export type RunWithConnectionGuard = (
  namespaceFd: number,
  listTuples: () => Promise<readonly ConntrackTuple[]>,
  work: () => Promise<void>,
) => Promise<void>;

export interface RecreateOptions {
  withGuard?: RunWithConnectionGuard;
  /** Maximum number of connections. */
  limit?: number;
  /** Runs directly after the entries are made anew, still guarded: moves the routes. */
  move?: () => Promise<void>;
}

/** A connection and, in a sentence, what happened to it or what the kernel answered. */
export interface ConnectionOutcome {
  connection: string;
  detail: string;
}

export interface RecreatedConnections {
  recreated: number;
  /** Number of connections that ended by themselves meanwhile. */
  ended: number;
  /** Connections, among the re-created, whose place another entry had taken; that entry was deleted. */
  intruders: ConnectionOutcome[];
  /** Connections, among the re-created, without mark, labels, helper and so on, since the kernel refused these. */
  reduced: ConnectionOutcome[];
  /** Connections that could not be re-created, with the kernel's answer. */
  failed: ConnectionOutcome[];
  /** Number of connections beyond the limit, which were left as they are. */
  remaining: number;
  /** The kernel's answer if the connection table cannot be read; null if it was read. */
  unreadable: string | null;
}

/** Returns the tuples of all packets of the connections, each once. */
function listGuardedTuples(connections: readonly ConntrackEntry[]): ConntrackTuple[] {
  const all = connections.flatMap(({ original, reply }) => [original, reply]);
  return [...new Map(all.map((tuple) => [formatConntrackTuple(tuple), tuple])).values()];
}

/**
 * Replaces the entries of a pod's masqueraded connections by ones that do not depend on a device: the kernel ends a
 * masqueraded connection once its packets leave by another device, but not one whose translation ctnetlink has set.
 * Must be done just before the routes `move`, since connections that begin in between depend on the device again. May
 * be repeated. What is guarded is listed before, and each entry is read again while its packets are held, because it
 * may have changed: a dump of all connections of the namespace would take longer.
 * @throws NetlinkError if the kernel does not reply, or the error of `move`; what the kernel refuses is in the result
 */
export async function recreateMasqueradedConnections(
  namespaceFd: number,
  addresses: readonly string[],
  side: MasqueradeSide,
  { withGuard, limit, move = async () => undefined }: RecreateOptions = {},
): Promise<RecreatedConnections> {
  const list = () => listMasqueradedConnections(namespaceFd, addresses, side, limit);
  let listed = await list();
  const result: RecreatedConnections = {
    recreated: 0,
    ended: 0,
    intruders: [],
    reduced: [],
    failed: [],
    remaining: listed.remaining,
    unreadable: listed.unreadable,
  };
  if (listed.translated.length + listed.untranslated.length === 0) {
    await move();
    return result;
  }
  using socket = NetlinkSocket.inNamespace(namespaceFd, 'netfilter');
  if (!withGuard || listed.translated.length === 0) {
    await recreateEntries(socket, [...listed.translated, ...listed.untranslated], result);
    await move();
    return result;
  }
  const listTuples = async (): Promise<ConntrackTuple[]> => {
    listed = await list();
    result.remaining = listed.remaining;
    return listGuardedTuples(listed.translated);
  };
  await withGuard(namespaceFd, listTuples, async () => {
    await recreateEntries(socket, await readAgain(socket, listed, result), result);
    await move();
  });
  return result;
}

/** Returns the entries of listed connections as they are now; without those of connections that have ended. */
async function readAgain(
  socket: NetlinkSocket,
  { translated, untranslated }: MasqueradedConnections,
  result: RecreatedConnections,
): Promise<ConntrackEntry[]> {
  const listed = [...translated, ...untranslated];
  const current = await rereadConntrackEntries(socket, listed);
  return listed.flatMap((entry, index) => {
    const successor = takeSuccessor(entry, current[index] ?? null);
    if (successor === null) result.ended++;
    return successor ?? [];
  });
}

/** Returns what is now the entry of a connection's packets, if its source is translated as well. */
function takeSuccessor(entry: ConntrackEntry, current: ConntrackEntry | null): ConntrackEntry | null {
  if (current === null || !(current.status & conntrackStatus.sourceNatDone)) return null;
  const same = formatConntrackTuple(current.original) === formatConntrackTuple(entry.original);
  return same ? current : null;
}

/** Re-creates entries, many per send; then, one after the other, those for which the kernel refused something. */
export async function recreateEntries(
  socket: NetlinkSocket,
  entries: readonly ConntrackEntry[],
  result: RecreatedConnections,
): Promise<void> {
  for (let at = 0; at < entries.length; at += connectionsPerSend) {
    const some = entries.slice(at, at + connectionsPerSend);
    const answers = await socket.batch(
      some.flatMap((entry) => [buildDeleteEntryRequest(entry), buildCreateEntryRequest(entry)]),
    );
    for (const [index, entry] of some.entries()) {
      const [deleted = null, created = null] = answers.slice(2 * index, 2 * index + 2);
      if (deleted === null && created === null) result.recreated++;
      else await recreateRefused(socket, entry, { deleted, created }, result);
    }
  }
}

/** The kernel's answers to the deletion of an entry and to the creation of its like. */
interface Answers {
  deleted: NetlinkError | null;
  created: NetlinkError | null;
}

/** Continues with an entry whose deletion or creation the kernel refused. */
async function recreateRefused(
  socket: NetlinkSocket,
  listed: ConntrackEntry,
  { deleted, created }: Answers,
  result: RecreatedConnections,
): Promise<void> {
  const connection = formatConntrackEntry(listed);
  let entry = listed;
  let intruders = 0;
  let refusal: NetlinkError | null = null;
  for (let attempt = 1; attempt < maxAttempts && (deleted ?? created) !== null; attempt++) {
    if (deleted !== null && deleted.code !== 'ENOENT') break;
    if (deleted !== null) {
      const current = await findSuccessor(socket, entry, created === null);
      if (current === null) {
        result.ended++;
        return;
      }
      entry = current;
      [deleted = null, created = null] = await socket.batch([
        buildDeleteEntryRequest(entry),
        buildCreateEntryRequest(entry),
      ]);
    } else if (created?.code === 'EEXIST') {
      intruders++;
      // An intruder has one of the tuples as that of its own direction or as that of its replies.
      created = await requestLast(socket, [
        buildDeleteTupleRequest(entry.original, entry),
        buildDeleteTupleRequest(entry.reply, entry),
        buildCreateEntryRequest(entry, refusal !== null),
      ]);
    } else if (refusal === null) {
      refusal = created;
      created = await requestLast(socket, [buildCreateEntryRequest(entry, true)]);
    } else break;
  }
  const error = deleted ?? created;
  if (error !== null) {
    result.failed.push({ connection, detail: error.message });
    return;
  }
  result.recreated++;
  if (intruders > 0)
    result.intruders.push({
      connection,
      detail: `another entry took its place (${intruders} ${intruders === 1 ? 'time' : 'times'})`,
    });
  if (refusal !== null) result.reduced.push({ connection, detail: refusal.message });
}

const requestLast = async (
  socket: NetlinkSocket,
  requests: Parameters<NetlinkSocket['batch']>[0],
): Promise<NetlinkError | null> => (await socket.batch(requests)).at(-1) ?? null;

/**
 * Returns the entry that has followed one that no longer exists, if its source is translated as well; null if there is
 * none. @param created true if its like was just created, which must not outlive the connection
 */
async function findSuccessor(
  socket: NetlinkSocket,
  entry: ConntrackEntry,
  created: boolean,
): Promise<ConntrackEntry | null> {
  if (created) {
    await socket.batch([buildDeleteTupleRequest(entry.original, entry)]);
    return null;
  }
  return takeSuccessor(entry, await getConntrackEntry(socket, entry.original, entry));
}
