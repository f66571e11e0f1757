/**
 * The table of a pod's counters. It is the only place that names them: the columns of the sample frame
 * (`sample-frame.ts`), the agent's samples (`server/counters/sample.ts`), Prometheus metrics
 * (`server/http/routes/metrics.ts`), drops by reason in the API (`drops.ts`) and the dashboard's rates and labels
 * (`app/_lib/time-series/pod-rates.ts`) are derived from it.
 *
 * Adding a counter touches three files: `bpf/slot-layout.h` (a field of struct podlane_counters, or a value of enum
 * podlane_drop_reason), `bpf/counters.h` or the check that drops (`bpf/validate.h`, `bpf/acl.h`), and this table.
 */
import type { Direction } from './direction.ts';

/**
 * Reasons for which Podlane's programs drop packets, in the order of enum podlane_drop_reason (`bpf/slot-layout.h`).
 */
export const dropReasons = ['malformed', 'unknown_protocol', 'spoofed_source', 'denied', 'fragment'] as const;
export type DropReason = (typeof dropReasons)[number];

/** Display labels of the drop reasons. */
export const dropReasonLabels: Readonly<Record<DropReason, string>> = {
  malformed: 'malformed',
  unknown_protocol: 'unknown protocol',
  spoofed_source: 'spoofed source',
  denied: 'denied',
  fragment: 'fragment',
};

interface CounterRow {
  /** Name of the counter, also as column of sample frames. */
  name: string;
  /**
   * Unit of the counter. Packets and bytes are counted at the network layer, without Ethernet headers; a GSO packet
   * counts once.
   */
  unit: 'packets' | 'bytes' | 'requests';
  direction?: Direction;
  /** Drop reason, if the counter counts only packets dropped for this reason. */
  reason?: DropReason;
  /** Request result, if the counter counts only requests with this result. */
  result?: 'ok' | 'failed';
  /**
   * Rate per second that the dashboard derives, in bits for a counter of bytes; rates of one name are added up.
   * Without one, the dashboard shows the total.
   */
  rate?: string;
  /**
   * Prometheus metric with the labels direction, reason and result; missing if the counter is the sum of other
   * counters.
   */
  metric?: MetricName;
  label: string;
}

/** Help texts of the Prometheus metrics, by metric name. */
export const metricHelpTexts = {
  podlane_pod_packets_total: 'Packets of the pod that Podlane’s programs accepted.',
  podlane_pod_bytes_total: 'Bytes of the pod’s accepted packets, without Ethernet headers.',
  podlane_pod_redirected_packets_total: 'Accepted packets that were redirected to another pod of the node.',
  podlane_pod_redirected_bytes_total: 'Bytes of the pod’s redirected packets.',
  podlane_pod_dropped_packets_total: 'Packets of the pod that Podlane’s programs dropped, by reason.',
  podlane_pod_requests_total: 'Requests of the pod’s test traffic, by result.',
} as const;
export type MetricName = keyof typeof metricHelpTexts;

/** Counters in struct podlane_counters (`bpf/slot-layout.h`), in the order of its fields. */
const datapathRows = [
  {
    name: 'egressPackets',
    unit: 'packets',
    direction: 'egress',
    rate: 'egressPackets',
    metric: 'podlane_pod_packets_total',
    label: 'Egress packets',
  },
  {
    name: 'egressBytes',
    unit: 'bytes',
    direction: 'egress',
    rate: 'egressBits',
    metric: 'podlane_pod_bytes_total',
    label: 'Egress bytes',
  },
  {
    name: 'ingressPackets',
    unit: 'packets',
    direction: 'ingress',
    rate: 'ingressPackets',
    metric: 'podlane_pod_packets_total',
    label: 'Ingress packets',
  },
  {
    name: 'ingressBytes',
    unit: 'bytes',
    direction: 'ingress',
    rate: 'ingressBits',
    metric: 'podlane_pod_bytes_total',
    label: 'Ingress bytes',
  },
  {
    name: 'egressRedirectedPackets',
    unit: 'packets',
    direction: 'egress',
    rate: 'egressRedirectedPackets',
    metric: 'podlane_pod_redirected_packets_total',
    label: 'Redirected packets',
  },
  {
    name: 'egressRedirectedBytes',
    unit: 'bytes',
    direction: 'egress',
    metric: 'podlane_pod_redirected_bytes_total',
    label: 'Redirected bytes',
  },
  {
    name: 'egressDroppedPackets',
    unit: 'packets',
    direction: 'egress',
    rate: 'egressDroppedPackets',
    label: 'Dropped egress packets',
  },
  {
    name: 'ingressDroppedPackets',
    unit: 'packets',
    direction: 'ingress',
    rate: 'ingressDroppedPackets',
    label: 'Dropped ingress packets',
  },
] as const satisfies readonly CounterRow[];

/** Counters in struct podlane_drops, one for each drop reason and direction. */
const reasonRows = dropReasons.flatMap((reason) =>
  (['egress', 'ingress'] as const).map((direction) => ({
    name: toDropCounterName(direction, reason),
    unit: 'packets' as const,
    direction,
    reason,
    rate: toDropRateName(reason),
    metric: 'podlane_pod_dropped_packets_total' as const,
    label: `Dropped ${direction} packets: ${dropReasonLabels[reason]}`,
  })),
);

/** Counters of the requests of a pod's test traffic; pods without test traffic have no values. */
const requestRows = [
  {
    name: 'requestsOk',
    unit: 'requests',
    result: 'ok',
    metric: 'podlane_pod_requests_total',
    label: 'Requests',
  },
  {
    name: 'requestsFailed',
    unit: 'requests',
    result: 'failed',
    metric: 'podlane_pod_requests_total',
    label: 'Failed requests',
  },
] as const satisfies readonly CounterRow[];

type Row = (typeof datapathRows | typeof reasonRows | typeof requestRows)[number];
export type CounterName = Row['name'];
/** Names of the counters that Podlane's BPF programs write. */
export type DatapathCounterName = (typeof datapathRows | typeof reasonRows)[number]['name'];
/** Names of the rates per second that the dashboard computes from counters. */
export type CounterRateName = Extract<Row, { rate: string }>['rate'];

export interface CounterDefinition<Name extends CounterName = CounterName> extends CounterRow {
  name: Name;
  rate?: CounterRateName;
}

/** Counters of all packets by Podlane's BPF programs, in the order of struct podlane_counters. */
export const datapathCounterDefinitions: readonly CounterDefinition<DatapathCounterName>[] = datapathRows;
/** Counters of dropped packets by direction and drop reason. */
export const dropCounterDefinitions: readonly (CounterDefinition<DatapathCounterName> & {
  direction: Direction;
  reason: DropReason;
})[] = reasonRows;
/**
 * All counters of a pod: totals since the pod was attached, over all its devices, that never decrease. In the order of
 * the frame's columns, where reasons come last: a new one appends columns.
 */
export const counterDefinitions: readonly CounterDefinition[] = [
  ...datapathRows,
  ...requestRows,
  ...reasonRows,
];

/** Returns the name of the rate of packets dropped for a reason, in both directions. */
export function toDropRateName<R extends DropReason>(reason: R): `droppedPackets.${R}` {
  return `droppedPackets.${reason}`;
}

/** Returns the name of the counter of packets dropped for a reason in one direction. */
export function toDropCounterName<D extends Direction, R extends DropReason>(
  direction: D,
  reason: R,
): `${D}DroppedPackets.${R}` {
  return `${direction}DroppedPackets.${reason}`;
}
