import { counterDefinitions, metricHelpTexts } from '../../../contract/counter-table.ts';
import { type PodSample, readCounterValue } from '../../counters/sample.ts';
import type { AgentServices } from '../agent-services.ts';

type LabelValues = Readonly<Record<string, string>>;

/** A Prometheus metric with series for each pod. */
interface PodMetric {
  name: string;
  type: 'counter' | 'gauge';
  help: string;
  /** Calls `add` for each series of a pod. */
  series(pod: PodReading, add: (value: number | bigint, labels?: LabelValues) => void): void;
}

/** What the metrics of one pod are made of, read once a scrape. */
interface PodReading {
  /** Null before the pod's first sample. */
  sample: PodSample | null;
  drops: readonly { reason: string; packets: number }[];
  connections: ReturnType<AgentServices['rules']['connectionUse']>['pods'][number] | null;
}

/** Labels that distinguish the counters of one Prometheus metric. */
const counterLabels = ['direction', 'reason', 'result'] as const;

const labelsOf = (counter: (typeof counterDefinitions)[number]): LabelValues =>
  Object.fromEntries(
    counterLabels.flatMap((label) => (counter[label] === undefined ? [] : [[label, counter[label]]])),
  );

/** Metrics that the counter table of the contract defines. */
const counterMetrics = Object.entries(metricHelpTexts).map(([name, help]): PodMetric => {
  const own = counterDefinitions
    .filter(({ metric }) => metric === name)
    .map((counter) => ({ ...counter, labels: labelsOf(counter) }));
  return {
    name,
    type: 'counter',
    help,
    series({ sample }, add) {
      if (sample === null) return;
      for (const counter of own) {
        const value = readCounterValue(sample, counter.name);
        // Most reasons never occur: a series for each would be most of the exposition.
        if (value === null || (value === 0n && counter.reason !== undefined)) continue;
        add(value, counter.labels);
      }
    },
  };
});

const podMetrics: readonly PodMetric[] = [
  ...counterMetrics,
  {
    name: 'podlane_pod_kernel_dropped_packets_total',
    type: 'counter',
    help: 'Packets of the pod that the kernel dropped, including drops by BPF programs, by the kernel’s reason.',
    series({ drops }, add) {
      for (const { reason, packets } of drops) add(packets, { reason });
    },
  },
  {
    name: 'podlane_pod_connections',
    type: 'gauge',
    help: 'Connections of the pod in the table of the access rules.',
    series({ connections }, add) {
      if (connections) add(connections.connections);
    },
  },
  {
    name: 'podlane_pod_connections_evicted_total',
    type: 'counter',
    help: 'Connections of the pod that made room for newer ones, by whether they had been answered.',
    series({ connections }, add) {
      if (!connections) return;
      add(connections.evictedReplied, { replied: 'true' });
      add(connections.evicted - connections.evictedReplied, { replied: 'false' });
    },
  },
  {
    name: 'podlane_pod_connections_untracked_total',
    type: 'counter',
    help: 'Connections of the pod that were allowed but had no room in the table: their answers are dropped.',
    series({ connections }, add) {
      if (connections) add(connections.untracked);
    },
  },
];

/** Escapes a label value, https://prometheus.io/docs/instrumenting/exposition_formats. */
const escapeLabel = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');

/** Formats the labels of a series. */
export const formatMetricLabels = (labels: LabelValues): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',');

/**
 * Formats the metrics of all pods in Prometheus' text format. Written here and not by prom-client, which takes a second
 * for the series of a thousand pods: it finds each by its sorted labels before it sets it.
 */
export function formatPodMetrics({ pods, sampler, drops, rules }: AgentServices): string {
  const samples = new Map(sampler.latest?.pods.map((sample) => [sample.pod, sample]));
  const dropped = drops.kernel();
  const connections = new Map(rules.connectionUse().pods.map((use) => [use.owner, use]));
  const readings = pods.summaries().map(({ number, namespace, name }) => ({
    labels: formatMetricLabels({ namespace, pod: name }),
    sample: samples.get(number) ?? null,
    drops: dropped.get(number) ?? [],
    connections: connections.get(number) ?? null,
  }));
  return podMetrics
    .map(({ name, type, help, series }) => {
      const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
      for (const reading of readings)
        series(reading, (value, labels) => {
          const further = labels === undefined ? '' : `,${formatMetricLabels(labels)}`;
          lines.push(`${name}{${reading.labels}${further}} ${value}`);
        });
      return `${lines.join('\n')}\n`;
    })
    .join('\n');
}
