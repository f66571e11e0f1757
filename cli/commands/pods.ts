import type { Pod, PodSummary } from '../../contract/pod.ts';
import { answer, type Command } from '../command.ts';
import { facts, table } from '../table.ts';

const nameOf = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}.${name}`;

export const pods: Command = {
  name: 'pods',
  takes: [],
  text: 'lists the pods of the node',
  options: {},
  async run({ agent, json }) {
    const items: PodSummary[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const page: { items: PodSummary[]; next: string | null } = await agent.ask(
        'GET',
        `/pods?limit=500${next === '' ? '' : `&before=${next}`}`,
      );
      items.push(...page.items);
      next = page.next;
    }
    answer({ json }, items, (all) =>
      table(
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

export const pod: Command = {
  name: 'pod',
  takes: ['POD'],
  text: 'shows a pod: its device, programs, routes and neighbours',
  options: {},
  async run({ agent, args: [id], json }) {
    const found = await agent.ask<Pod>('GET', `/pods/${encodeURIComponent(id!)}`);
    answer({ json }, found, describe);
  },
};

function describe(pod: Pod): string {
  const { device } = pod;
  const head = facts({
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
    ours ? 'ours' : 'other',
    runCount ?? '-',
  ]);
  return [
    head,
    table(['HOOK', 'PLACE', 'ID', 'PROGRAM', 'TAG', 'WHOSE', 'RUNS'], programs),
    ['ROUTES', ...pod.routes.pod.map(({ text }) => text)].join('\n'),
    ['ROUTES OF THE HOST', ...pod.routes.host.map(({ text }) => text)].join('\n'),
  ].join('\n\n');
}
