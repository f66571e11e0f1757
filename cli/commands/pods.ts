import type { PodNetworkState } from '../../contract/network-state.ts';
import type { Pod, PodSummary } from '../../contract/pod.ts';
import { type CliCommand, printResult } from '../command.ts';
import { formatFieldLines, formatTextTable } from '../text-table.ts';

const nameOf = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}.${name}`;

export const podsCommand: CliCommand = {
  name: 'pods',
  parameters: [],
  summary: 'lists the pods of the node',
  options: {},
  async run({ agent, json }) {
    const items: PodSummary[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const page: { items: PodSummary[]; next: string | null } = await agent.request(
        'GET',
        `/pods?limit=500${next === '' ? '' : `&before=${next}`}`,
      );
      items.push(...page.items);
      next = page.next;
    }
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

export const podCommand: CliCommand = {
  name: 'pod',
  parameters: ['POD'],
  summary: 'shows a pod: its device, programs, routes and neighbors',
  options: {},
  async run({ agent, args: [id = ''], json }) {
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
