import { fstatSync } from 'node:fs';
import { ProblemError } from '../../../contract/problem.ts';
import { Mutex } from '../../async/mutex.ts';
import { setSafeTimeout } from '../../async/safe-timers.ts';
import {
  checkNetfilterChanges,
  commitNetfilterChanges,
  netfilterFamilies,
  netfilterSubsystems,
} from '../../netlink/netfilter-message.ts';
import { isNetlinkError, NetlinkError } from '../../netlink/netlink-error.ts';
import { listNftTables } from '../../netlink/nftables.ts';
import { nftTableFlags } from '../../netlink/nftables-constants.ts';
import { PacketQueue } from '../../netlink/packet-queue.ts';
import { type NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';
import {
  buildConnectionGuardDeletion,
  buildConnectionGuardTable,
  buildQueueProbe,
  type ConnectionTuple,
  type GuardVerdict,
  guardTimeoutMs,
  type QueueKind,
  queueKinds,
} from './connection-guard-table.ts';

export interface GuardedResult<T> {
  result: T;
  /** Why no guard was in place while `work` ran; null if there was one, or nothing to guard. */
  unguarded: string | null;
  /** Why the guard dropped packets instead of holding them; null if it held them. */
  dropping: string | null;
}

/** Lists both directions of each connection, at most 16,384 tuples. */
export type ListTuples = () => Promise<readonly ConnectionTuple[]> | readonly ConnectionTuple[];

const maxTuples = 16_384;
const tablePrefix = 'podlane_guard_';
/** Errors of a kernel without nftables, or without the parts of it that the guard needs. */
const withoutNftables = ['EOPNOTSUPP', 'EPROTONOSUPPORT', 'EAFNOSUPPORT', 'ENOENT'] as const;
/** Numbers of queues that are tried in turn. */
const queueNumbers = Array.from({ length: 16 }, (_, index) => 20_556 + index);

/**
 * Namespaces with a guard, by inode, and whose turn it is. There is one guard at a time: the kernel drops the packets
 * of all queues when a chain is removed.
 */
const turns = new Map<bigint, Mutex>();
let lastTable = 0;
/** How the kernel's nftables can queue packets, or why it cannot; null until it was tried. */
let queueing: { kind: QueueKind } | { refused: string } | null = null;

/**
 * Runs `work` while packets of some connections are held, so that none makes a conntrack entry in between: before
 * conntrack sees them in prerouting and output. When `work` is done they go on in order, through conntrack and the
 * routes as these are then. Guards of a namespace wait for one another; the tuples are listed in the guard's turn.
 *
 * The packets are dropped instead, which TCP repeats, where they cannot be held: on a kernel without nfnetlink_queue, or
 * whose nftables have neither the expression `queue` nor the target NFQUEUE; while all 16 numbers of queues are taken;
 * and those beyond 65,536. On a kernel without nftables, `work` runs without a guard.
 *
 * When the agent is killed the guard goes with its sockets, which own table and queue, and what is held is lost; in any
 * case the guard opens after 30 s.
 * @throws ProblemError `too_large`, NetlinkError, or the error of `listTuples` or of `work`
 */
export async function withConnectionGuard<T>(
  namespaceFd: number,
  listTuples: ListTuples,
  work: () => Promise<T>,
): Promise<GuardedResult<T>> {
  const { ino } = fstatSync(namespaceFd, { bigint: true });
  const turn = turns.get(ino) ?? new Mutex();
  turns.set(ino, turn);
  try {
    return await turn.run(() => guarded(namespaceFd, listTuples, work));
  } finally {
    if (!turn.locked) turns.delete(ino);
  }
}

async function guarded<T>(
  namespaceFd: number,
  listTuples: ListTuples,
  work: () => Promise<T>,
): Promise<GuardedResult<T>> {
  // Closing the sockets removes the table as well, if its socket owns it, and the queue.
  using sockets = new DisposableStack();
  const prepared = await prepareGuard(namespaceFd, sockets);
  const tuples = await listTuples();
  if (tuples.length > maxTuples)
    throw new ProblemError(
      'too_large',
      `guard the connections of a pod: ${tuples.length} tuples, at most ${maxTuples} are guarded at once`,
      { hint: 'Guard them in several steps.' },
    );
  const runUnguarded = async (unguarded: string | null): Promise<GuardedResult<T>> => ({
    result: await work(),
    unguarded,
    dropping: null,
  });
  if (tuples.length === 0) return runUnguarded(null);
  if (typeof prepared === 'string') return runUnguarded(prepared);
  const { socket, queue, dropping } = prepared;
  const table = `${tablePrefix}${process.pid}_${++lastTable}`;
  const unguarded = await addTable(prepared, table, tuples);
  if (unguarded !== null) return runUnguarded(unguarded);
  // The elements of the table end then, too, so that later packets pass.
  const timer = setSafeTimeout(() => void queue?.release().catch(() => undefined), guardTimeoutMs);
  try {
    return { result: await work(), unguarded: null, dropping };
  } finally {
    clearTimeout(timer);
    try {
      // Before the table goes, with which the kernel drops what is held.
      await queue?.release();
    } finally {
      await commit(socket, [buildConnectionGuardDeletion(table)]);
    }
  }
}

/** What a guard consists of before it is in place. */
interface PreparedGuard {
  socket: NetlinkSocket;
  /** Deletions of tables that a killed agent left. */
  removals: readonly NetlinkRequest[];
  verdict: GuardVerdict;
  /** Queue that holds the packets; null if they are dropped. */
  queue: PacketQueue | null;
  dropping: string | null;
}

/** Opens the sockets of a guard and finds out what the kernel offers. @returns why it cannot have one, if it cannot */
async function prepareGuard(namespaceFd: number, sockets: DisposableStack): Promise<PreparedGuard | string> {
  try {
    const socket = sockets.use(NetlinkSocket.inNamespace(namespaceFd, 'netfilter'));
    const removals = await listLeftTables(socket);
    const held = await openQueue(namespaceFd, socket);
    if (typeof held === 'string')
      return { socket, removals, verdict: { kind: 'drop' }, queue: null, dropping: held };
    return { socket, removals, verdict: held.verdict, queue: sockets.use(held.queue), dropping: null };
  } catch (error) {
    if (isNetlinkError(error, ...withoutNftables)) return error.message;
    throw error;
  }
}

async function listLeftTables(socket: NetlinkSocket): Promise<NetlinkRequest[]> {
  const left = (await listNftTables(socket)).filter(
    ({ family, table, flags }) =>
      family === netfilterFamilies.inet &&
      table.startsWith(tablePrefix) &&
      (flags & nftTableFlags.owner) === 0,
  );
  return left.map(({ table }) => buildConnectionGuardDeletion(table));
}

/** Opens a queue for the packets. @returns why they cannot be held, if they cannot */
async function openQueue(
  namespaceFd: number,
  socket: NetlinkSocket,
): Promise<{ queue: PacketQueue; verdict: GuardVerdict } | string> {
  try {
    queueing ??= await probeQueueing(socket);
    if ('refused' in queueing) return queueing.refused;
    const queue = await PacketQueue.open(namespaceFd, queueNumbers);
    return { queue, verdict: { kind: queueing.kind, queue: queue.number } };
  } catch (error) {
    if (error instanceof NetlinkError) return error.message;
    throw error;
  }
}

async function probeQueueing(socket: NetlinkSocket): Promise<{ kind: QueueKind } | { refused: string }> {
  let refused = '';
  for (const kind of queueKinds)
    try {
      const changes = buildQueueProbe(`${tablePrefix}probe`, kind);
      await checkNetfilterChanges(socket, { subsystem: netfilterSubsystems.nftables, changes });
      return { kind };
    } catch (error) {
      if (!isNetlinkError(error, 'ENOENT', 'EOPNOTSUPP', 'EINVAL')) throw error;
      refused ||= error.message;
    }
  return { refused };
}

/** Adds the guard's table, and removes those that a killed agent left. @returns why the kernel cannot have one, or null */
async function addTable(
  { socket, removals, verdict }: PreparedGuard,
  table: string,
  tuples: readonly ConnectionTuple[],
): Promise<string | null> {
  const add = (owned: boolean): Promise<void> =>
    commit(socket, [...removals, ...buildConnectionGuardTable(table, tuples, verdict, owned)]);
  try {
    try {
      await add(true);
    } catch (error) {
      // Kernels before tables had owners refuse the flag.
      if (!isNetlinkError(error, 'EOPNOTSUPP')) throw error;
      await add(false);
    }
    return null;
  } catch (error) {
    if (isNetlinkError(error, ...withoutNftables)) return error.message;
    throw error;
  }
}

const commit = (socket: NetlinkSocket, changes: readonly NetlinkRequest[]): Promise<void> =>
  commitNetfilterChanges(socket, { subsystem: netfilterSubsystems.nftables, changes });
