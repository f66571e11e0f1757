import { ProblemError } from '../../../contract/problem.ts';
import {
  commitNetfilterChanges,
  netfilterFamilies,
  netfilterSubsystems,
} from '../../netlink/netfilter-message.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import { listNftTables } from '../../netlink/nftables.ts';
import { nftTableFlags } from '../../netlink/nftables-constants.ts';
import { type NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';
import { buildGuardTable, type ConnectionTuple, deleteGuardTable } from './guard-table.ts';

export interface GuardedResult<T> {
  result: T;
  /** Why no guard was in place while `work` ran; null if there was one. */
  unguarded: string | null;
}

const maxTuples = 16_384;
const tablePrefix = 'podlane_guard_';
/** Errors of a kernel without nftables, or without the parts of it that the guard needs. */
const withoutNftables = ['EOPNOTSUPP', 'EPROTONOSUPPORT', 'EAFNOSUPPORT', 'ENOENT'] as const;

/** Tables of guards that are in place. Several pods may be guarded at once in the host's namespace. */
const active = new Set<string>();
let lastTable = 0;

/**
 * Runs `work` while packets of some connections are dropped, so that none makes a conntrack entry in between: before
 * conntrack sees them in prerouting and output. TCP repeats them; a sender in the namespace itself gets EPERM for UDP.
 * When the agent is killed the guard goes with its socket, which owns the table; in any case it opens after 30 s. On a
 * kernel without nftables, `work` runs without a guard.
 * @param tuples both directions of each connection, at most 16,384
 * @throws ProblemError `too_large`, NetlinkError, or the error of `work`
 */
export async function withConnectionGuard<T>(
  namespaceFd: number,
  tuples: readonly ConnectionTuple[],
  work: () => Promise<T>,
): Promise<GuardedResult<T>> {
  if (tuples.length === 0) return { result: await work(), unguarded: null };
  if (tuples.length > maxTuples)
    throw new ProblemError(
      'too_large',
      `guard the connections of a pod: ${tuples.length} tuples, at most ${maxTuples} are guarded at once`,
      { hint: 'Guard them in several steps.' },
    );
  const table = `${tablePrefix}${process.pid}_${++lastTable}`;
  active.add(table);
  try {
    return await guarded(namespaceFd, table, tuples, work);
  } finally {
    active.delete(table);
  }
}

async function guarded<T>(
  namespaceFd: number,
  table: string,
  tuples: readonly ConnectionTuple[],
  work: () => Promise<T>,
): Promise<GuardedResult<T>> {
  const opened = openSocket(namespaceFd);
  if (typeof opened === 'string') return { result: await work(), unguarded: opened };
  // Closing the socket removes the table as well, if it owns it.
  using socket = opened;
  const unguarded = await addTable(socket, table, tuples);
  if (unguarded !== null) return { result: await work(), unguarded };
  try {
    return { result: await work(), unguarded: null };
  } finally {
    await commit(socket, [deleteGuardTable(table)]);
  }
}

/** Adds the guard's table, and removes those that a killed agent left. @returns why the kernel cannot have one, or null */
async function addTable(
  socket: NetlinkSocket,
  table: string,
  tuples: readonly ConnectionTuple[],
): Promise<string | null> {
  try {
    const left = (await listNftTables(socket)).filter(
      (each) =>
        each.family === netfilterFamilies.inet &&
        each.table.startsWith(tablePrefix) &&
        (each.flags & nftTableFlags.owner) === 0 &&
        !active.has(each.table),
    );
    const removals = left.map((each) => deleteGuardTable(each.table));
    try {
      await commit(socket, [...removals, ...buildGuardTable(table, tuples, true)]);
    } catch (error) {
      // Kernels before tables had owners refuse the flag.
      if (!isNetlinkError(error, 'EOPNOTSUPP')) throw error;
      await commit(socket, [...removals, ...buildGuardTable(table, tuples, false)]);
    }
    return null;
  } catch (error) {
    if (isNetlinkError(error, ...withoutNftables)) return error.message;
    throw error;
  }
}

const commit = (socket: NetlinkSocket, changes: readonly NetlinkRequest[]): Promise<void> =>
  commitNetfilterChanges(socket, { subsystem: netfilterSubsystems.nftables, changes });

/** Opens a socket of netfilter. @returns the kernel's answer if it has none */
function openSocket(namespaceFd: number): NetlinkSocket | string {
  try {
    return NetlinkSocket.inNamespace(namespaceFd, 'netfilter');
  } catch (error) {
    if (isNetlinkError(error, ...withoutNftables)) return error.message;
    throw error;
  }
}
