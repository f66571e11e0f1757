import type { ObservedPod, ObservedPodSummary, Runtime } from '../contract/observed-pod.ts';
import { formatFieldLines, formatTextTable } from './text-table.ts';

const nameOf = ({ namespace, name }: { namespace: string | null; name: string }): string =>
  namespace === null ? name : `${namespace}.${name}`;

const runtimeOf = ({ runtime }: Pick<ObservedPodSummary, 'runtime'>): string =>
  runtime === null ? '-' : `${runtime.name}${runtime.connected ? '' : ' (does not answer)'}`;

export const formatObservedPods = (pods: readonly ObservedPodSummary[]): string =>
  formatTextTable(
    ['ID', 'POD', 'RUNTIME', 'KIND', 'HOST END', 'ADDRESSES', 'COUNTED BY'],
    pods.map((pod) => [
      pod.id,
      nameOf(pod),
      runtimeOf(pod),
      pod.hostNetwork ? 'host network' : (pod.kind ?? '-'),
      pod.hostEnd === null
        ? '-'
        : `${pod.hostEnd.name}${pod.hostEnd.bridge === null ? '' : ` on ${pod.hostEnd.bridge}`}`,
      pod.addresses.join(' '),
      pod.countedBy ?? '-',
    ]),
  );

const textsOf = (texts: Readonly<Record<string, string>>): string =>
  Object.entries(texts)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');

export function formatObservedPod(pod: ObservedPod): string {
  const head = formatFieldLines({
    pod: nameOf(pod),
    id: pod.id,
    'named by': pod.identifiedBy,
    runtime: runtimeOf(pod),
    image: pod.image,
    namespace: pod.hostNetwork ? 'the node’s own' : `${pod.netns.path ?? 'not reachable'} (${pod.inode})`,
    addresses: pod.addresses.join(' '),
    processes: pod.members.map(({ pid, command }) => `${command} (${pid})`).join(', '),
    labels: textsOf(pod.labels),
    annotations: textsOf(pod.annotations),
    'published ports': pod.publishedPorts
      .map(
        ({ hostAddress, hostPort, podPort, protocol }) =>
          `${hostAddress === null ? '' : `${hostAddress}:`}${hostPort} to ${podPort}/${protocol}`,
      )
      .join(', '),
    'same address': pod.sameAddress.map(({ id, address }) => `${id} (${address})`).join(', '),
    ingress: pod.counters && `${pod.counters.ingressPackets} packets, ${pod.counters.ingressBytes} bytes`,
    egress: pod.counters && `${pod.counters.egressPackets} packets, ${pod.counters.egressBytes} bytes`,
  });
  return [
    head,
    formatTextTable(
      ['INTERFACE', 'KIND', 'HOST END', 'ADDRESSES', 'COUNTED BY'],
      pod.interfaces.map((each) => [
        each.name,
        `${each.kind}${each.mode === null ? '' : ` ${each.mode}`}`,
        each.hostEnd?.name ?? each.parent?.name ?? each.elsewhere ?? '-',
        each.addresses.join(' '),
        `${each.countedBy}${each.countedByReason === null ? '' : `: ${each.countedByReason}`}`,
      ]),
    ),
    ['ROUTES', ...pod.routes.map(({ text }) => text)].join('\n'),
  ].join('\n\n');
}

export const formatRuntimes = (runtimes: readonly Runtime[]): string =>
  formatTextTable(
    ['RUNTIME', 'VERSION', 'STATE', 'PODS', 'PATH', 'DETAIL'],
    runtimes.map(({ kind, name, version, state, pods, path, detail }) => [
      name === kind ? kind : `${name} (${kind})`,
      version ?? '-',
      state,
      pods,
      path,
      detail ?? '',
    ]),
  );
