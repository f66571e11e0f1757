import { type CounterSample, readCounterValue } from '../../counters/sample.ts';
import type { AgentServices } from '../agent-services.ts';
import { formatMetricLabels } from './pod-metrics.ts';

/** Maximum number of pods that have series, the ones found first: an exposition has to stay readable. */
const maxPods = 1024;

const metrics = [
  {
    name: 'podlane_observed_pod_packets_total',
    help: 'Packets of a pod that others made.',
    columns: { egress: 'egressPackets', ingress: 'ingressPackets' },
  },
  {
    name: 'podlane_observed_pod_bytes_total',
    help: 'Bytes of a pod that others made, without Ethernet headers.',
    columns: { egress: 'egressBytes', ingress: 'ingressBytes' },
  },
] as const;

/**
 * Formats the metrics of observed pods in Prometheus' text format. Labels are the names that a pod is known by and its id:
 * names need not be unique, labels of runtimes are not among them.
 */
export function formatObservedPodMetrics({ observed }: Pick<AgentServices, 'observed'>): string {
  const latest: CounterSample | null = observed.latest;
  const samples = new Map(latest?.pods.map((sample) => [sample.pod, sample]));
  const dropped = observed.kernelDrops();
  const pods = observed
    .summaries()
    .filter(({ hostNetwork }) => !hostNetwork)
    .sort((a, b) => a.number - b.number)
    .slice(0, maxPods)
    .map(({ id, number, namespace, name, countedBy }) => ({
      number,
      labels: formatMetricLabels({ namespace: namespace ?? '', pod: name, id }),
      countedBy: countedBy ?? '',
    }));
  const parts = metrics.map(({ name, help, columns }) => {
    const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} counter`];
    for (const { number, labels, countedBy } of pods) {
      const sample = samples.get(number);
      if (sample === undefined) continue;
      for (const direction of ['egress', 'ingress'] as const)
        lines.push(
          `${name}{${labels},direction="${direction}",counted_by="${countedBy}"} ${readCounterValue(sample, columns[direction]) ?? 0n}`,
        );
    }
    return `${lines.join('\n')}\n`;
  });
  const drops = [
    '# HELP podlane_observed_pod_kernel_dropped_packets_total Packets that the kernel dropped in the namespace of a pod that others made, by reason.',
    '# TYPE podlane_observed_pod_kernel_dropped_packets_total counter',
    ...pods.flatMap(({ number, labels }) =>
      (dropped.get(number) ?? []).map(
        ({ reason, packets }) =>
          `podlane_observed_pod_kernel_dropped_packets_total{${labels},${formatMetricLabels({ reason })}} ${packets}`,
      ),
    ),
  ];
  return [...parts, `${drops.join('\n')}\n`].join('\n');
}
