import { requireValue } from '../../contract/require-value.ts';
import type { TraceOutcome, TracePacket, TracePoint } from '../../contract/trace.ts';
import { traceQuietPeriodMs } from '../../contract/trace.ts';
import type { PodReference } from '../../contract/verdict.ts';
import type { KernelClock } from './kernel-clock.ts';
import type { PacketObservation, TracedPacket } from './packet-correlator.ts';
import { toPacketHeadersResponse } from './packet-headers.ts';
import type { PodNameResolver } from './pod-name-resolver.ts';

/** Names and clock that are needed to format observations. */
export interface TraceFormatContext {
  clock: KernelClock;
  names: PodNameResolver;
  /** Returns the name of a value of enum skb_drop_reason; null if the value is not a drop. */
  kernelReason(reason: number): string | null;
  /** Returns the name of a rule of the active rule set by the rule's number. */
  ruleName(rule: number): string | null;
}

const nameOf = (pod: PodReference | null): string => (pod ? `${pod.namespace}/${pod.name}` : 'a removed pod');

/** Converts a traced packet to the API format. */
export function formatPacketTrace(
  { number, observations }: TracedPacket,
  context: TraceFormatContext,
): TracePacket {
  const first = requireValue(observations[0], 'first observation');
  const points = observations.map((observation, i) =>
    pointOf(observation, first, observations[i - 1] ?? first, context),
  );
  const headers = toPacketHeadersResponse(first.headers, first.headers.length, context.names);
  const outcome = outcomeOf(requireValue(points.at(-1), 'last point'), headers.destination.pod);
  return {
    ...headers,
    number,
    time: context.clock.microseconds(first.timeNs),
    ttl: first.headers.ttl,
    points,
    outcome,
    sentence: sentenceOf(outcome, requireValue(points.at(-1), 'last point'), headers.destination),
  };
}

/** Returns true if this observation of the packet alone decides its outcome, without waiting for another one. */
export const observationDecidesOutcome = (point: Pick<TracePoint, 'where' | 'verdict'>): boolean =>
  point.where !== 'from-pod' || point.verdict === 'dropped';

const microsecondsBetween = (from: PacketObservation, to: PacketObservation): number =>
  Number(to.timeNs - from.timeNs) / 1000;

function pointOf(
  seen: PacketObservation,
  first: PacketObservation,
  before: PacketObservation,
  context: TraceFormatContext,
): TracePoint {
  const { names } = context;
  const own = seen.slot === null ? null : names.ofSlot(seen.slot);
  const pod = seen.where === 'kernel' ? names.ofNamespace(BigInt(seen.owner)) : names.ofNumber(seen.owner);
  const target = seen.target === null ? null : names.ofSlot(seen.target);
  return {
    time: context.clock.microseconds(seen.timeNs),
    sinceUs: microsecondsBetween(first, seen),
    deltaUs: microsecondsBetween(before, seen),
    where: seen.where,
    pod,
    verdict: seen.verdict,
    device: seen.slot === null ? null : { kind: kindOf(seen, own?.kind), slot: seen.slot, hook: seen.hook },
    to: target && { id: target.id, namespace: target.namespace, name: target.name },
    reason: typeof seen.reason === 'number' ? context.kernelReason(seen.reason) : seen.reason,
    rule: seen.rule === 0 ? null : context.ruleName(seen.rule),
  };
}

/** Returns the kind of the observed device by its hook, because the pod may have been migrated in the meantime. */
const kindOf = ({ hook }: PacketObservation, current: 'netkit' | 'veth' | undefined): 'netkit' | 'veth' =>
  hook?.startsWith('netkit') ? 'netkit' : (current ?? 'veth');

function outcomeOf(last: TracePoint, destination: PodReference | null): TraceOutcome {
  if (last.where === 'kernel') return 'lost';
  if (last.verdict === 'dropped') return 'dropped';
  if (last.where === 'to-pod') return 'delivered';
  return last.verdict === 'redirected' || destination ? 'unknown' : 'left';
}

function sentenceOf(outcome: TraceOutcome, last: TracePoint, { address }: { address: string }): string {
  switch (outcome) {
    case 'delivered':
      return `delivered to ${nameOf(last.pod)}`;
    case 'dropped': {
      const by = last.rule === null ? '' : ` by rule ${last.rule}`;
      return `dropped at ${last.where === 'to-pod' ? 'ingress' : 'egress'} of ${nameOf(last.pod)}: ${last.reason}${by}`;
    }
    case 'lost':
      return `dropped by the kernel${last.pod ? ` in ${nameOf(last.pod)}` : ' on the node'}: ${last.reason}`;
    case 'left':
      return `passed to the host stack for ${address}, which is not a pod of this node`;
    case 'unknown':
      return `${last.verdict === 'redirected' ? `redirected to ${nameOf(last.to)}` : `passed to the host stack for ${address}`}, then not observed for ${traceQuietPeriodMs} ms`;
  }
}
