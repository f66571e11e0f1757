import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Migration, MigrationPlan } from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import { compareStates } from '../../../server/datapath/network-state/compare-states.ts';
import { readEndState } from '../../../server/datapath/network-state/read-end-state.ts';
import { openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { deleteLink } from '../../../server/netlink/link.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { ethernetToPod, ipv4 } from '../bpf/frames.ts';
import { PacketSocket } from '../bpf/packet-socket.ts';
import { testNamespace } from '../netlink/namespaces.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
  node.run(['ip', 'link', 'add', 'other', 'up', 'type', 'veth', 'peer', 'name', 'other-peer']);
  node.run(['ip', 'link', 'set', 'other-peer', 'up']);
});
afterAll(() => node?.[Symbol.asyncDispose]());

/** Adds a pod with next hop objects, groups of them, and routes through both, in the pod and on the host. */
async function addPodWithNextHops(name: string, number: number): Promise<Pod> {
  const pod = await node.addPod(name, [`10.42.0.${number}/32`, `fd42::${number}/128`]);
  const inPod = [
    'nexthop add id 10 via 169.254.1.1 dev eth0 onlink',
    'nexthop add id 11 dev eth0',
    'nexthop add id 12 via fe80::1 dev eth0 protocol bgp',
    'nexthop add id 20 group 10,3/11',
    'nexthop add id 21 group 10/11 type resilient buckets 8 idle_timer 60',
    'route add 10.99.0.0/16 nhid 10',
    'route add 10.98.0.0/16 nhid 20 metric 7',
    'route add 10.97.0.0/16 nhid 21',
    'route add fd00:99::/64 nhid 12',
  ];
  // Groups with a member on another device lose only the one on the pod's.
  const onHost = [
    `nexthop add id ${number}1 dev ${pod.primary.name}`,
    `nexthop add id ${number}2 dev other`,
    `nexthop add id ${number}3 group ${number}1,5/${number}2,2`,
    `nexthop add id ${number}4 group ${number}2/${number}1 type resilient buckets 16`,
    `route add 10.${number}.1.0/24 nhid ${number}3`,
    `route add 10.${number}.2.0/24 nhid ${number}1`,
    `route add 10.${number}.3.0/24 nhid ${number}4`,
  ];
  for (const line of inPod) node.run(['ip', ...line.split(' ')], pod.netns.path);
  for (const line of onHost) node.run(['ip', ...line.split(' ')]);
  return pod;
}

/** Next hop objects and routes of host and pod as `ip` prints them, in order. */
const nextHopsAndRoutes = (pod: Pod, primary: string): Record<string, string[]> => {
  const lines = (netns: string, ...args: string[]): string[] =>
    node
      .run(['ip', ...args], netns)
      .replaceAll(/\n\t/g, ' ')
      .replaceAll(primary, 'PRIMARY')
      .replaceAll(/ unbalanced_time \S+/g, '')
      .split('\n')
      .map((line) => line.trim())
      .sort();
  return Object.fromEntries(
    [node.host, pod.netns.path].flatMap((netns) =>
      [['-d', 'nexthop'], ['route'], ['-6', 'route']].map((args) => [
        `${netns} ${args.join(' ')}`,
        lines(netns, ...args),
      ]),
    ),
  );
};

test('next hop objects, groups of them and the routes through both are the same on the new device', async () => {
  const pod = await addPodWithNextHops('kept', 11);
  const before = nextHopsAndRoutes(pod, pod.primary.name);
  const migration = await node.migrate('shop.kept', 'veth', true);
  expect(migration.state, migration.error?.detail).toBe('done');
  const after = await node.ask<Pod>('GET', '/pods/shop.kept');
  expect(nextHopsAndRoutes(after, after.primary.name)).toEqual(before);
});

/** Calls `act` while a migration to a new device drains the old one, for which this sends through the old one. */
async function migrateWhile(
  pod: Pod,
  address: string,
  act: (plan: MigrationPlan) => Promise<void>,
): Promise<Migration> {
  const path = `/pods/${pod.namespace}.${pod.name}/migrations`;
  using host = openNetworkNamespace(node.host);
  // Bound to the device, it goes on sending through it whatever the routes say.
  using socket = runInNetworkNamespace(host.fd, () => new PacketSocket(pod.primary.ifindex));
  const frame = ethernetToPod(0x0800, ipv4({ destination: address }));
  const sending = setInterval(() => {
    try {
      socket.send(frame);
    } catch {
      clearInterval(sending); // The device is gone.
    }
  }, 2);
  try {
    const plan = await node.ask<MigrationPlan>('POST', path, { to: 'veth', dryRun: true, recreate: true });
    let migration = await node.ask<Migration>('POST', path, { to: 'veth', recreate: true, accept: ['*'] });
    let acted = false;
    while (migration.state === 'running') {
      await sleep(10);
      migration = await node.ask<Migration>('GET', `/migrations/${migration.id}`);
      const drained = migration.steps.find(({ step }) => step === 'drained');
      if (!acted && drained?.state === 'running') {
        acted = true;
        await act(plan);
      }
    }
    expect(acted).toBe(true);
    return migration;
  } finally {
    clearInterval(sending);
  }
}

test('when another process deletes the new device, next hops, groups and their routes are as before', async () => {
  const pod = await addPodWithNextHops('robbed', 12);
  const before = nextHopsAndRoutes(pod, pod.primary.name);
  const { state } = await migrateWhile(pod, '10.42.0.12', async ({ to }) => {
    using host = NetlinkSocket.inNamespace(node.host);
    await deleteLink(host, to.primary.ifindex);
  });
  expect(state).toBe('undone');
  expect(nextHopsAndRoutes(pod, pod.primary.name)).toEqual(before);
});

test('a group that another process changes meanwhile stays changed, and is no reason to undo', async () => {
  const pod = await addPodWithNextHops('regrouped', 13);
  const migration = await migrateWhile(pod, '10.42.0.13', async () => {
    node.run(['ip', 'nexthop', 'replace', 'id', '20', 'group', '10,9/11,2'], pod.netns.path);
  });
  expect(migration.state, migration.error?.detail).toBe('done');
  expect(node.run(['ip', 'nexthop', 'show', 'id', '20'], pod.netns.path)).toContain('group 10,9/11,2');
});

test('the comparison of two interfaces sees a group that lost a member, has other weights, or is gone', async () => {
  using namespace = testNamespace();
  namespace.batch([
    'link add name one type veth peer name two',
    'link set one up',
    'link set two up',
    'nexthop add id 1 dev one',
    'nexthop add id 2 dev two',
    'nexthop add id 3 group 1/2',
  ]);
  const [{ ifindex }] = namespace.json('link', 'show', 'one');
  const end = { socket: namespace.socket, namespaceFd: namespace.fd, ifindex };
  const before = await readEndState(end);
  const differences = async (): Promise<string[]> =>
    compareStates(before, await readEndState(end)).map(
      ({ kind, key, present }) => `${kind} ${key} ${present === null ? 'gone' : 'changed'}`,
    );
  expect(await differences()).toEqual([]);
  namespace.ip('nexthop', 'replace', 'id', '3', 'group', '1,7/2');
  expect(await differences()).toEqual(['next hop 3 changed']);
  namespace.ip('nexthop', 'replace', 'id', '3', 'group', '1/2');
  expect(await differences()).toEqual([]);
  namespace.ip('nexthop', 'delete', 'id', '2');
  expect(await differences()).toEqual(['next hop 3 changed']);
  namespace.ip('nexthop', 'delete', 'id', '3');
  expect(await differences()).toEqual(['next hop 3 gone']);
});
