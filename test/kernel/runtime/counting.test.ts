import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { ObservedPod } from '../../../contract/observed-pod.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import {
  addForeignNamespace,
  connectByVeth,
  type ForeignNamespace,
  findObserved,
  ip,
  listObserved,
  readSettledCounters,
} from '../../testbed/observed-pods.ts';
import { pollUntil } from '../../testbed/poll.ts';

async function startNode(...flags: string[]): Promise<TestNode> {
  const node = await startTestNode(['--observe', 'programs', '--cni-cache', 'none', ...flags]);
  onTestFinished(() => node[Symbol.asyncDispose]());
  return node;
}

/** A connected pod whose kernel sends nothing by itself. */
function addQuietPod(node: TestNode): ForeignNamespace {
  const pod = addForeignNamespace(node, 'pod');
  node.run(['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1']);
  node.run(
    ['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1'],
    pod.path,
  );
  connectByVeth(node, pod, { hostEnd: 'vpod', address: '10.70.0.2', gateway: '10.70.0.1' });
  const mac = (name: string, netns?: string): string =>
    JSON.parse(ip(node, `-j link show ${name}`, netns))[0].address;
  ip(node, `neighbor replace 10.70.0.2 lladdr ${mac('eth0', pod.path)} nud permanent dev vpod`);
  ip(node, `neighbor replace 10.70.0.1 lladdr ${mac('vpod')} nud permanent dev eth0`, pod.path);
  return pod;
}

const ping = (node: TestNode, count: number): void =>
  void node.run(['ping', '-q', '-c', String(count), '-i', '0.01', '10.70.0.2']);

const counted = (node: TestNode, pod: ForeignNamespace): Promise<ObservedPod> =>
  pollUntil(
    () => findObserved(node, pod.id),
    (each) => each !== null && each.counters !== null && each.interfaces[0]!.up,
  ).then((each) => each!);

const ifindexOf = (node: TestNode, name: string): number =>
  JSON.parse(ip(node, `-j link show ${name}`))[0].ifindex;

const attachForeign = (
  node: TestNode,
  hook: string,
  ifindex: number,
  anchor: string,
  name: string,
  result = '-1',
): number =>
  Number(
    node.run([
      process.execPath,
      'test/testbed/foreign-program.ts',
      hook,
      String(ifindex),
      anchor,
      name,
      result,
    ]),
  );

const observePins = (node: TestNode): string[] => {
  const folder = join(node.pins, 'observe');
  return existsSync(folder)
    ? ['links', 'filters'].flatMap((name) => readdirSync(join(folder, name)).map((pin) => `${name}/${pin}`))
    : [];
};

/** What changes by itself: timers of bridges, and when a rule set was printed. */
const changing = /_timer +[\d.]+|^# (Generated|Completed).*/gm;

/** Everything that others see of the node and the pod, without what grows by itself. */
function networkState(node: TestNode, pod: ForeignNamespace): string {
  const state = (netns: string): string[] =>
    [
      ['ip', '-d', 'link', 'show'],
      ['ip', 'address', 'show'],
      ['ip', '-4', 'route', 'show', 'table', 'all'],
      ['ip', '-6', 'route', 'show', 'table', 'all'],
      ['ip', 'rule', 'show'],
      ['ip', 'neighbor', 'show', 'nud', 'permanent'],
      ['bridge', 'fdb', 'show'],
      ['tc', '-d', 'qdisc', 'show'],
      ['nft', 'list', 'ruleset'],
      ['iptables-legacy-save'],
      ['sysctl', '-a', '-r', String.raw`^net\.ipv[46]\.(conf|neigh)`],
    ].map(([command = '', ...args]) => {
      const shown = node.run([command, ...args], netns);
      return `${command} ${args.join(' ')}\n${shown.replaceAll(changing, '')}`;
    });
  return [...state(node.host), ...state(pod.path)].join('\n');
}

async function readSettledState(node: TestNode, pod: ForeignNamespace): Promise<string> {
  for (let before = ''; ; ) {
    const now = networkState(node, pod);
    if (now === before) return now;
    before = now;
    await sleep(500);
  }
}

test('counts beside programs of others without a change for them, and wherever they are', async () => {
  const node = await startNode();
  const pod = addQuietPod(node);
  await counted(node, pod);
  const ifindex = ifindexOf(node, 'vpod');
  // One behind the counting program, and one that came later and went before it.
  const behind = attachForeign(node, 'tcx/ingress', ifindex, 'tail', 'behind');
  const before = attachForeign(node, 'tcx/ingress', ifindex, 'head', 'before');
  const egress = attachForeign(node, 'tcx/egress', ifindex, 'head', 'egress');
  const [start] = [await readSettledCounters(node, pod.id)];
  ping(node, 30);
  const end = await readSettledCounters(node, pod.id);
  expect(end!.egressPackets - start!.egressPackets).toBe(30);
  expect(end!.ingressPackets - start!.ingressPackets).toBe(30);
  expect(end!.ingressBytes - start!.ingressBytes).toBe(30 * 84);
  const { programs } = (await findObserved(node, pod.id))!.interfaces[0]!;
  expect(programs.map(({ hook, name, id, ours }) => [hook, ours ? name : id])).toEqual([
    ['tcx/ingress', before],
    ['tcx/ingress', 'observe_egress'],
    ['tcx/ingress', behind],
    ['tcx/egress', egress],
    ['tcx/egress', 'observe_ingress'],
  ]);
  await node.stopAgent();
  await node.startAgent(['--observe', 'off']);
  const shown = JSON.parse(node.run(['bpftool', '-j', 'net', 'show']))[0].tc as {
    id?: number;
    prog_id?: number;
  }[];
  expect(observePins(node)).toEqual([]);
  // Debian 12's bpftool does not list tcx; those that it lists are not Podlane's.
  expect(shown.map((each) => each.id ?? each.prog_id)).not.toContain(programs[1]!.id);
  const left = JSON.parse(node.run(['bpftool', '-j', 'prog', 'show'])) as { id: number; name?: string }[];
  for (const id of [behind, before, egress]) expect(left.some((each) => each.id === id)).toBe(true);
});

test('a program at the head sees what a later one drops', async () => {
  const node = await startNode();
  const pod = addQuietPod(node);
  await counted(node, pod);
  const start = await readSettledCounters(node, pod.id);
  // TCX_DROP
  attachForeign(node, 'tcx/ingress', ifindexOf(node, 'vpod'), 'tail', 'dropper', '2');
  expect(() => ping(node, 10)).toThrow();
  const end = await readSettledCounters(node, pod.id);
  expect(end!.ingressPackets - start!.ingressPackets).toBe(10);
  expect(end!.egressPackets - start!.egressPackets).toBe(10);
});

test('goes on counting while no agent runs, and the next one knows', async () => {
  const node = await startNode();
  const pod = addQuietPod(node);
  await counted(node, pod);
  ping(node, 10);
  const start = await readSettledCounters(node, pod.id);
  const { countedSince } = (await findObserved(node, pod.id))!.interfaces[0]!;
  await node.killAgent();
  ping(node, 25);
  // A pod that ends meanwhile leaves links without a device.
  await node.startAgent();
  const end = await readSettledCounters(node, pod.id);
  expect(end!.egressPackets - start!.egressPackets).toBe(25);
  const again = (await findObserved(node, pod.id))!.interfaces[0]!;
  expect(again.countedSince).toBe(countedSince);
  expect(again.programs.filter(({ ours }) => ours)).toHaveLength(2);
  await node.killAgent();
  node.removeNamespace('pod');
  await pollUntil(
    async () => ip(node, '-br link'),
    (links) => !links.includes('vpod'),
  );
  await node.startAgent();
  await pollUntil(
    async () => observePins(node),
    (pins) => pins.length === 0,
  );
});

test('attaches programs again that somebody detached', async () => {
  const node = await startNode();
  const pod = addQuietPod(node);
  const { programs } = (await counted(node, pod)).interfaces[0]!;
  for (const { linkId } of programs) execFileSync('bpftool', ['link', 'detach', 'id', String(linkId)]);
  // Any change of the pod has it looked at; otherwise every half minute.
  ip(node, 'link set eth0 mtu 1400', pod.path);
  await pollUntil(
    () => findObserved(node, pod.id),
    (each) => each!.interfaces[0]!.programs.filter(({ ours }) => ours).length === 2,
  );
  ping(node, 5);
  const after = await readSettledCounters(node, pod.id);
  expect(after!.egressPackets).toBeGreaterThanOrEqual(5);
});

test('packets that others’ programs hand to the pod past its host end are counted at the pod', async () => {
  const node = await startNode();
  const pod = addQuietPod(node);
  await counted(node, pod);
  const client = addForeignNamespace(node, 'client');
  connectByVeth(node, client, { hostEnd: 'vclient', address: '10.70.1.2', gateway: '10.70.1.1' });
  node.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  ip(node, 'route replace default via 10.70.0.1 dev eth0 onlink', pod.path);
  ip(node, 'route replace 10.70.0.2/32 dev eth0', client.path);
  const [{ address }] = JSON.parse(ip(node, '-j link show eth0', pod.path));
  ip(node, `neighbor replace 10.70.0.2 lladdr ${address} nud permanent dev eth0`, client.path);
  const [client4, end] = [ifindexOf(node, 'vclient'), ifindexOf(node, 'vpod')];
  attachForeign(node, 'tcx/ingress', client4, 'tail', 'handed', `peer:${end}`);
  const ping = (count: number, interval: string): void =>
    void node.run(['ping', '-q', '-c', String(count), '-i', interval, '10.70.0.2'], client.path);
  let last = (await findObserved(node, pod.id))!.counters!.ingressPackets;
  const switched = await pollUntil(
    async () => {
      ping(20, '0.01');
      const found = (await findObserved(node, pod.id))!;
      // Totals never go back, and do not jump to what was before.
      expect(found.counters!.ingressPackets).toBeGreaterThanOrEqual(last);
      last = found.counters!.ingressPackets;
      return found;
    },
    ({ interfaces }) => interfaces[0]!.countedBy === 'statistics',
  );
  expect(switched.interfaces[0]).toMatchObject({
    countedByReason: expect.stringContaining('past its host end'),
    programs: [],
  });
  const start = await readSettledCounters(node, pod.id);
  ping(10, '0.01');
  const settled = await readSettledCounters(node, pod.id);
  expect(settled!.ingressPackets - start!.ingressPackets).toBe(10);
  expect(settled!.egressPackets - start!.egressPackets).toBe(10);
});

test('with statistics nothing is attached, and the API says so', async () => {
  const node = await startNode('--observe', 'statistics');
  const pod = addQuietPod(node);
  expect(await counted(node, pod)).toMatchObject({
    countedBy: 'statistics',
    interfaces: [{ countedBy: 'statistics', countedByReason: null, programs: [] }],
  });
  const start = await readSettledCounters(node, pod.id);
  ping(node, 20);
  const end = await readSettledCounters(node, pod.id);
  expect(end).toMatchObject({
    egressPackets: start!.egressPackets + 20,
    ingressPackets: start!.ingressPackets + 20,
    egressBytes: start!.egressBytes + 20 * 84,
  });
  expect(observePins(node)).toEqual([]);
});

test('observing changes nothing of the node and the pods that others see', async () => {
  const node = await startNode('--observe', 'off');
  const pod = addQuietPod(node);
  ip(node, 'link add br0 type bridge');
  ip(node, 'link set br0 up');
  const second = addForeignNamespace(node, 'bridged');
  ip(node, `link add vbr type veth peer name eth0 netns ${second.name}`);
  ip(node, 'link set vbr master br0');
  ip(node, 'link set vbr up');
  ip(node, 'link set eth0 up', second.path);
  node.run([
    'nft',
    'add table ip t; add chain ip t c { type nat hook postrouting priority 100; }; add rule ip t c masquerade',
  ]);
  expect(await listObserved(node)).toEqual([]);
  // `ip -d link` itself has the kernel give an id to each namespace; carriers are detected.
  const before = await readSettledState(node, pod);
  await node.stopAgent();
  await node.startAgent(['--observe', 'programs']);
  await counted(node, pod);
  await findObserved(node, second.id);
  await node.ask('GET', `/observed-pods/${pod.id}/path`);
  expect(networkState(node, pod)).toBe(before);
  await node.stopAgent();
  await node.startAgent(['--observe', 'off']);
  expect(networkState(node, pod)).toBe(before);
  expect(observePins(node)).toEqual([]);
  expect(await listObserved(node)).toEqual([]);
});

test('without tcx it counts by filters before those of others, and removes its qdisc', async () => {
  const node = await startNode('--without', 'tcx');
  const pod = addQuietPod(node);
  expect(await counted(node, pod)).toMatchObject({
    interfaces: [
      {
        countedBy: 'programs',
        programs: [
          { hook: 'tc/ingress', name: 'observe_egress' },
          { hook: 'tc/egress', name: 'observe_ingress' },
        ],
      },
    ],
  });
  const foreign = attachForeign(node, 'tc/ingress', ifindexOf(node, 'vpod'), 'head', 'foreign');
  const start = await readSettledCounters(node, pod.id);
  ping(node, 20);
  const end = await readSettledCounters(node, pod.id);
  expect(end!.egressPackets - start!.egressPackets).toBe(20);
  expect(
    (await findObserved(node, pod.id))!.interfaces[0]!.programs.map(({ id, ours }) => (ours ? 0 : id)),
  ).toEqual([0, foreign, 0]);
  await node.stopAgent();
  await node.startAgent(['--observe', 'statistics']);
  // The filter of others stays, and so does the qdisc that it is in.
  expect(node.run(['tc', 'filter', 'show', 'dev', 'vpod', 'ingress'])).toContain(`id ${foreign}`);
  expect(node.run(['tc', 'filter', 'show', 'dev', 'vpod', 'egress'])).toBe('');
  node.run(['tc', 'qdisc', 'delete', 'dev', 'vpod', 'clsact']);
  await node.stopAgent();
  await node.startAgent();
  await counted(node, pod);
  expect(node.run(['tc', 'qdisc', 'show', 'dev', 'vpod'])).toContain('clsact');
  await node.stopAgent();
  await node.startAgent(['--observe', 'off']);
  expect(node.run(['tc', 'qdisc', 'show', 'dev', 'vpod'])).not.toContain('clsact');
  expect(observePins(node)).toEqual([]);
});

test('without tcx an ingress qdisc of others is left alone: statistics count', async () => {
  const node = await startNode('--without', 'tcx');
  const pod = addForeignNamespace(node, 'limited');
  ip(node, 'link add vlim type veth peer name limited0');
  node.run(['tc', 'qdisc', 'add', 'dev', 'vlim', 'ingress']);
  ip(node, `link set limited0 netns ${pod.name}`);
  expect(
    await pollUntil(
      () => findObserved(node, pod.id),
      (each) => each !== null,
    ),
  ).toMatchObject({
    countedBy: 'statistics',
    interfaces: [
      { countedByReason: 'its host end has an ingress qdisc of others, which has no hook for egress' },
    ],
  });
  expect(node.run(['tc', 'qdisc', 'show', 'dev', 'vlim'])).toContain('ingress');
});

test('a reset removes programs, links and pins', async () => {
  const node = await startNode();
  const pod = addQuietPod(node);
  const { programs } = (await counted(node, pod)).interfaces[0]!;
  await node.stopAgent();
  await node.startAgent(['--observe', 'off', '--reset']);
  expect(observePins(node)).toEqual([]);
  const left = JSON.parse(execFileSync('bpftool', ['-j', 'link', 'show'], { encoding: 'utf8' })) as {
    id: number;
  }[];
  for (const { linkId } of programs) expect(left.some(({ id }) => id === linkId)).toBe(false);
});
