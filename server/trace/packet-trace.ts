import type { TraceOutcome, TracePacket, TracePoint } from '../../contract/trace.ts';
import { traceQuietMs } from '../../contract/trace.ts';
import type { PodReference } from '../../contract/verdict.ts';
import type { Observation, TracedPacket } from './correlator.ts';
import type { KernelClock } from './kernel-clock.ts';
import { headersResponse } from './packet-headers.ts';
import type { PodNames } from './pod-names.ts';

/** What the sightings of packets are told with. */
export interface FormatContext {
  clock: KernelClock;
  names: PodNames;
  /** Name of enum skb_drop_reason; null of what is no drop. */
  kernelReason(reason: number): string | null;
  /** Of the active rule set, by number. */
  ruleName(rule: number): string | null;
}

const nameOf = (pod: PodReference | null): string =>
  pod ? `${pod.namespace}/${pod.name}` : 'a pod that is gone';

/** The packet as the API tells it. */
export function formatPacketTrace(
  { number, observations: sightings }: TracedPacket,
  teller: FormatContext,
): TracePacket {
  const first = sightings[0]!;
  const points = sightings.map((sighting, i) => pointOf(sighting, first, sightings[i - 1] ?? first, teller));
  const headers = headersResponse(first.headers, first.headers.length, teller.names);
  const outcome = outcomeOf(points.at(-1)!, headers.destination.pod);
  return {
    ...headers,
    number,
    time: teller.clock.microseconds(first.timeNs),
    ttl: first.headers.ttl,
    points,
    outcome,
    sentence: sentenceOf(outcome, points.at(-1)!, headers.destination),
  };
}

/** Whether what was seen last says what became of the packet, without waiting. */
export const hasOutcome = (point: Pick<TracePoint, 'where' | 'verdict'>): boolean =>
  point.where !== 'from-pod' || point.verdict === 'dropped';

const microsecondsBetween = (from: Observation, to: Observation): number =>
  Number(to.timeNs - from.timeNs) / 1000;

function pointOf(
  seen: Observation,
  first: Observation,
  before: Observation,
  teller: FormatContext,
): TracePoint {
  const { names } = teller;
  const own = seen.slot === null ? null : names.ofSlot(seen.slot);
  const pod = seen.where === 'kernel' ? names.ofNamespace(BigInt(seen.owner)) : names.ofNumber(seen.owner);
  const target = seen.target === null ? null : names.ofSlot(seen.target);
  return {
    time: teller.clock.microseconds(seen.timeNs),
    sinceUs: microsecondsBetween(first, seen),
    deltaUs: microsecondsBetween(before, seen),
    where: seen.where,
    pod,
    verdict: seen.verdict,
    device: seen.slot === null ? null : { kind: kindOf(seen, own?.kind), slot: seen.slot, hook: seen.hook },
    to: target && { id: target.id, namespace: target.namespace, name: target.name },
    reason: typeof seen.reason === 'number' ? teller.kernelReason(seen.reason) : seen.reason,
    rule: seen.rule === 0 ? null : teller.ruleName(seen.rule),
  };
}

/** A device on its way out has another kind than the pod’s current one: its netkit hooks say so. */
const kindOf = ({ hook }: Observation, current: 'netkit' | 'veth' | undefined): 'netkit' | 'veth' =>
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
      return `given to ${nameOf(last.pod)}`;
    case 'dropped': {
      const by = last.rule === null ? '' : ` by rule ${last.rule}`;
      return `dropped on the way ${last.where === 'to-pod' ? 'into' : 'out of'} ${nameOf(last.pod)}: ${last.reason}${by}`;
    }
    case 'lost':
      return `dropped by the kernel${last.pod ? ` in ${nameOf(last.pod)}` : ' on the node'}: ${last.reason}`;
    case 'left':
      return `handed to the host’s stack for ${address}, which is no pod of this node`;
    case 'unknown':
      return `${last.verdict === 'redirected' ? `put on the device of ${nameOf(last.to)}` : `handed to the host’s stack for ${address}`}, and not seen again in ${traceQuietMs} ms`;
  }
}
