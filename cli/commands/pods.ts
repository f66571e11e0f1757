import type { PodNetworkState } from '../../contract/network-state.ts';
import { isObservedPodId, type ObservedPod, type ObservedPodSummary } from '../../contract/observed-pod.ts';
import type { Pod, PodSummary } from '../../contract/pod.ts';
import type { AgentClient } from '../agent-client.ts';
import { type CliCommand, printResult } from '../command.ts';
import { formatObservedPod, formatObservedPods } from '../format-observed-pods.ts';
import { formatFieldLines, formatTextTable } from '../text-table.ts';

const nameOf = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}.${name}`;

export const podsCommand: CliCommand = {
  name: 'pods',
  parameters: [],
  summary: 'lists the pods of the node',
  options: { observed: { summary: 'those that others made, instead of Podlane’s own' } },
  async run({ agent, json, flag }) {
    if (flag('observed')) {
      printResult({ json }, await listAll<ObservedPodSummary>(agent, '/observed-pods'), formatObservedPods);
      return;
    }
    const items = await listAll<PodSummary>(agent, '/pods');
    printResult({ json }, items, (all) =>
      formatTextTable(
        ['POD', 'KIND', 'HOOKS', 'DEVICE', 'ADDRESSES', 'STATE', 'ATTENTION'],
        all.map((pod) => [
          nameOf(pod),
          pod.kind,
          pod.hooks,
          pod.primary.name,
          pod.addresses.join(' '),
          pod.state,
          pod.attention.join('; '),
        ]),
      ),
    );
  },
};

/** Requests all pages of a list. */
async function listAll<T>(agent: AgentClient, path: string): Promise<T[]> {
  const items: T[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const page: { items: T[]; next: string | null } = await agent.request(
      'GET',
      `${path}?limit=500${next === '' ? '' : `&before=${next}`}`,
    );
    items.push(...page.items);
    next = page.next;
  }
  return items;
}

export const podCommand: CliCommand = {
  name: 'pod',
  parameters: ['POD'],
  summary: 'shows a pod: its device, programs, routes and neighbors',
  details: 'POD is an id or namespace.name, or the id of a pod that others made: ns-4026532201.',
  options: {},
  async run({ agent, args: [id = ''], json }) {
    if (isObservedPodId(id)) {
      const path = `/observed-pods/${encodeURIComponent(id)}`;
      printResult({ json }, await agent.request<ObservedPod>('GET', path), formatObservedPod);
      return;
    }
    const found = await agent.request<Pod>('GET', `/pods/${encodeURIComponent(id)}`);
    printResult({ json }, found, describe);
  },
};

export const networkStateCommand: CliCommand = {
  name: 'network-state',
  parameters: ['POD'],
  summary: 'lists every setting of both interfaces of a pod: what a migration carries over',
  options: {},
  async run({ agent, args: [id = ''], json }) {
    const path = `/pods/${encodeURIComponent(id)}/network-state`;
    const found = await agent.request<PodNetworkState>('GET', path);
    printResult({ json }, found, (state) =>
      formatTextTable(
        ['NETNS', 'INTERFACE', 'KIND', 'SETTING'],
        (['pod', 'host'] as const).flatMap((side) =>
          state[side].settings.map(({ kind, text }) => [side, state[side].interface, kind, text]),
        ),
      ),
    );
  },
};

function describe(pod: Pod): string {
  const { device } = pod;
  const head = formatFieldLines({
    pod: nameOf(pod),
    id: pod.id,
    state: pod.state,
    addresses: pod.addresses.join(' '),
    namespace: `${pod.netns.path} (${pod.netns.inode})`,
    kind: `${pod.kind}, programs on ${pod.hooks}, since ${pod.kindSince}`,
    primary: device && `${device.primary.name} (${device.primary.ifindex}), mtu ${device.primary.mtu}`,
    peer: device && `${device.peer.name} (${device.peer.ifindex}), mtu ${device.peer.mtu}`,
    labels: Object.entries(pod.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
    attention: pod.attention.join('; '),
  });
  const programs = (device?.programs ?? []).map(({ hook, position, id, name, tag, ours, runCount }) => [
    hook,
    position,
    id,
    name,
    tag,
    ours ? 'podlane' : 'other',
    runCount ?? '-',
  ]);
  return [
    head,
    formatTextTable(['HOOK', 'POSITION', 'ID', 'PROGRAM', 'TAG', 'OWNER', 'RUNS'], programs),
    ['ROUTES', ...pod.routes.pod.map(({ text }) => text)].join('\n'),
    ['HOST ROUTES', ...pod.routes.host.map(({ text }) => text)].join('\n'),
  ].join('\n\n');
}
