import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../../contract/problem.ts';
import {
  checkNetfilterChanges,
  commitNetfilterChanges,
  type NetfilterTransaction,
  netfilterSubsystems,
} from '../../netlink/netfilter-message.ts';
import { isNetlinkError, NetlinkError } from '../../netlink/netlink-error.ts';
import { getNftGeneration } from '../../netlink/nftables.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import type { InterfaceNameAndIndex } from './interface-rules/evaluate-conditions.ts';
import type { InterfaceReference } from './interface-rules/interface-reference.ts';
import { findLegacyTables } from './interface-rules/legacy-tables.ts';
import { planTwinRemoval, planTwins, requestsOf, type TwinPlan } from './interface-rules/plan-twins.ts';

/** Attempts to change a rule set that others change meanwhile, and the pause between two in milliseconds. */
const attempts = 30;
const pauseMs = 5;
/** Number of references that the kernel may refuse, one in each attempt. */
const maxRefusals = 32;
const ERESTART = 85;
/** Errors of a kernel without nftables. */
const withoutNftables = ['EOPNOTSUPP', 'EPROTONOSUPPORT', 'EAFNOSUPPORT', 'EINVAL'] as const;

type Send = (socket: NetlinkSocket, transaction: NetfilterTransaction) => Promise<void>;

/**
 * Lists what a namespace's firewall says of an interface, by name or index, and what a migration does about each when
 * `other` is the second device for a time. Changes nothing: the kernel validates the changes and aborts them. What it
 * refuses is `impossible`, and so are rules of iptables-legacy, which are not in nftables.
 * ipsets of interface names (`hash:net,iface`) are not seen.
 * @throws NetlinkError, ProblemError `too_large`
 */
export async function findInterfaceRules(
  namespaceFd: number,
  device: InterfaceNameAndIndex,
  other: InterfaceNameAndIndex,
): Promise<InterfaceReference[]> {
  const found = await changeRuleset(
    namespaceFd,
    (socket) => planTwins(socket, device, other),
    checkNetfilterChanges,
  );
  return [...found, ...findLegacyTables(namespaceFd, device, other)];
}

/**
 * Makes the rules of a namespace treat a second device like the pod's, in one transaction: rules and set elements get
 * twins directly after them, and rules that exclude the pod's device are replaced by ones that exclude both. A twin's
 * counters, limits and quotas are its own and start anew; `removeInterfaceTwins` does not add them to the original's.
 * Twins of an earlier call are replaced, so that it may be repeated at any time.
 * @returns what was found at this moment, as `findInterfaceRules` @throws NetlinkError, ProblemError `too_large`
 */
export const addInterfaceTwins = (
  namespaceFd: number,
  device: InterfaceNameAndIndex,
  other: InterfaceNameAndIndex,
): Promise<InterfaceReference[]> =>
  changeRuleset(namespaceFd, (socket) => planTwins(socket, device, other), commitNetfilterChanges);

/**
 * Removes the twins for a device in one transaction, whoever added them: they are found by their marks. A rule that was
 * replaced is replaced back with the same content and counters, under a new handle.
 * @param movedTo the device that bears the name now, for which rules by index are rewritten; null after an undo
 * @returns the references by index that were moved @throws NetlinkError, ProblemError `too_large`
 */
export const removeInterfaceTwins = (
  namespaceFd: number,
  device: InterfaceNameAndIndex,
  movedTo: InterfaceNameAndIndex | null,
): Promise<InterfaceReference[]> =>
  changeRuleset(namespaceFd, (socket) => planTwinRemoval(socket, device, movedTo), commitNetfilterChanges);

/** Plans and sends until the rule set stands still in between; what the kernel refuses is left out and reported. */
async function changeRuleset(
  namespaceFd: number,
  plan: (socket: NetlinkSocket) => Promise<TwinPlan>,
  send: Send,
): Promise<InterfaceReference[]> {
  const refused = new Map<string, string>();
  using socket = openSocket(namespaceFd);
  if (socket === null || !(await hasNftables(socket))) return [];
  for (let attempt = 1; ; attempt++) {
    try {
      const planned = await plan(socket);
      const accepted = planned.changes.filter(({ reference }) => !refused.has(reference.place));
      const refusal = await sendPlan(socket, { ...planned, changes: accepted }, send);
      if (refusal === null) return planned.references.map((reference) => withRefusal(reference, refused));
      refused.set(refusal.place, refusal.text);
    } catch (error) {
      if (attempt >= attempts || !(isRestart(error) || isNetlinkError(error, 'ENOENT', 'EINTR'))) throw error;
      await sleep(pauseMs);
    }
    if (refused.size > maxRefusals)
      throw new ProblemError(
        'kernel_refused',
        `twins of firewall rules: ${[...refused.values()].join('; ')}`,
      );
  }
}

/** Sends a plan's requests. @returns the reference whose change the kernel refuses, with its answer; null if none */
async function sendPlan(
  socket: NetlinkSocket,
  plan: TwinPlan,
  send: Send,
): Promise<{ place: string; text: string } | null> {
  const changes = requestsOf(plan);
  if (changes.length === 0) return null;
  try {
    await send(socket, {
      subsystem: netfilterSubsystems.nftables,
      changes,
      generation: plan.generation,
    });
    return null;
  } catch (error) {
    if (!(error instanceof NetlinkError) || isRestart(error)) throw error;
    const { operation, message } = error;
    const change = plan.changes.find(({ requests }) => requests.some((each) => each.operation === operation));
    if (!change) throw error;
    return { place: change.reference.place, text: message };
  }
}

const isRestart = (error: unknown): boolean => error instanceof NetlinkError && error.errno === ERESTART;

async function hasNftables(socket: NetlinkSocket): Promise<boolean> {
  try {
    await getNftGeneration(socket);
    return true;
  } catch (error) {
    if (isNetlinkError(error, ...withoutNftables)) return false;
    throw error;
  }
}

const withRefusal = (
  reference: InterfaceReference,
  refused: ReadonlyMap<string, string>,
): InterfaceReference => {
  const text = refused.get(reference.place);
  return text === undefined
    ? reference
    : { ...reference, treatment: 'impossible', text: `the kernel refuses it: ${text}` };
};

/** Opens a socket of netfilter; null on a kernel without. */
function openSocket(namespaceFd: number): NetlinkSocket | null {
  try {
    return NetlinkSocket.inNamespace(namespaceFd, 'netfilter');
  } catch (error) {
    if (isNetlinkError(error, ...withoutNftables)) return null;
    throw error;
  }
}
