import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ObservedInterface, ObservedPod } from '../../contract/observed-pod.ts';
import { startTestNode, type TestNode } from '../testbed/node.ts';
import {
  addForeignNamespace,
  type ForeignNamespace,
  findObserved,
  ip,
  readSettledCounters,
} from '../testbed/observed-pods.ts';
import { pollUntil } from '../testbed/poll.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode(['--observe', 'programs', '--cni-cache', 'none']);
  // What a kernel sends by itself would be counted too.
  silence(node.host);
});
afterAll(() => node?.[Symbol.asyncDispose]());

const silence = (netns: string): void => {
  for (const name of ['all', 'default'])
    node.run(['sysctl', '-qw', `net.ipv6.conf.${name}.disable_ipv6=1`], netns);
};

/** Makes a namespace with a netkit pair whose ends have addresses and are up. */
function addNetkitPod(name: string, subnet: string, settings: string, peer = 'forward'): ForeignNamespace {
  const pod = addForeignNamespace(node, name);
  silence(pod.path);
  ip(node, `link add nk${name} type netkit ${settings} peer ${peer} name eth0 netns ${pod.name}`);
  ip(node, `address add ${subnet}.1/24 dev nk${name}`);
  ip(node, `link set nk${name} up`);
  ip(node, `address add ${subnet}.2/24 dev eth0`, pod.path);
  ip(node, 'link set eth0 up', pod.path);
  return pod;
}

async function observe(pod: ForeignNamespace): Promise<{ pod: ObservedPod; each: ObservedInterface }> {
  const observed = await pollUntil(
    () => findObserved(node, pod.id),
    (found) => found?.interfaces[0]?.up === true && found.counters !== null,
  );
  return { pod: observed!, each: observed!.interfaces[0]! };
}

const answers = (address: string): boolean => {
  try {
    return node.run(['ping', '-q', '-c', '10', '-i', '0.01', '-W', '1', address]).includes(' 0% packet loss');
  } catch {
    return false;
  }
};

test('a netkit device in mode l3 is counted by programs on both of its directions', async () => {
  const foreign = addNetkitPod('layer3', '10.71.0', 'mode l3');
  const { pod, each } = await observe(foreign);
  expect(pod).toMatchObject({ kind: 'netkit', countedBy: 'programs', addresses: ['10.71.0.2/24'] });
  expect(each).toMatchObject({
    name: 'eth0',
    mode: 'l3',
    hostEnd: { name: 'nklayer3' },
    netkit: { pairing: 'pair', policy: 'forward', hostPolicy: 'forward', leasedQueues: [] },
    countedBy: 'programs',
    countedByReason: null,
  });
  expect(each.programs.map(({ hook, name }) => `${hook} ${name}`).sort()).toEqual([
    'netkit/peer observe_egress',
    'tcx/egress observe_ingress',
  ]);
  const before = (await readSettledCounters(node, foreign.id))!;
  expect(answers('10.71.0.2')).toBe(true);
  const after = (await readSettledCounters(node, foreign.id))!;
  // Pings of 84 bytes with their IP header.
  expect({
    ingressPackets: after.ingressPackets - before.ingressPackets,
    ingressBytes: after.ingressBytes - before.ingressBytes,
    egressPackets: after.egressPackets - before.egressPackets,
    egressBytes: after.egressBytes - before.egressBytes,
  }).toEqual({ ingressPackets: 10, ingressBytes: 840, egressPackets: 10, egressBytes: 840 });
});

test('a netkit device in mode l2 has MACs, and the same bytes without Ethernet headers', async () => {
  const foreign = addNetkitPod('layer2', '10.72.0', 'mode l2');
  const { each } = await observe(foreign);
  expect(each).toMatchObject({ mode: 'l2', mac: expect.stringMatching(/^([\da-f]{2}:){5}[\da-f]{2}$/) });
  // Resolve the neighbors first: ARP is counted too.
  expect(answers('10.72.0.2')).toBe(true);
  const before = (await readSettledCounters(node, foreign.id))!;
  expect(answers('10.72.0.2')).toBe(true);
  const after = (await readSettledCounters(node, foreign.id))!;
  expect(after.ingressPackets - before.ingressPackets).toBe(10);
  expect(after.egressBytes - before.egressBytes).toBe(840);
});

test('a policy that drops all packets of a pod goes on doing so, and the statistics are read instead', async () => {
  const foreign = addNetkitPod('closed', '10.73.0', 'mode l3', 'blackhole');
  const { pod, each } = await observe(foreign);
  expect(pod.countedBy).toBe('statistics');
  expect(each).toMatchObject({
    netkit: { policy: 'blackhole', hostPolicy: 'forward' },
    countedBy: 'statistics',
    countedByReason: expect.stringContaining('blackhole'),
    programs: [],
  });
  expect(answers('10.73.0.2')).toBe(false);
  const counters = (await readSettledCounters(node, foreign.id))!;
  expect(counters.ingressPackets).toBeGreaterThanOrEqual(10);
  expect(counters.egressPackets).toBe(0);
});

test('interfaces on one of the node, such as ipvlan, have a mode and statistics', async () => {
  ip(node, 'link add lower type dummy');
  ip(node, 'link set lower up');
  const foreign = addForeignNamespace(node, 'shared');
  silence(foreign.path);
  ip(node, `link add link lower name eth0 netns ${foreign.name} type ipvlan mode l3s private`);
  ip(node, 'address add 10.74.0.2/24 dev eth0', foreign.path);
  ip(node, 'link set eth0 up', foreign.path);
  const { pod, each } = await observe(foreign);
  expect(pod).toMatchObject({ kind: 'ipvlan', hostEnd: null, countedBy: 'statistics' });
  expect(each).toMatchObject({
    mode: expect.stringContaining('l3s'),
    parent: { name: 'lower' },
    countedByReason: expect.stringContaining('no end of its own'),
  });
  const { egressPackets } = (await readSettledCounters(node, foreign.id))!;
  ip(node, 'route add default dev eth0', foreign.path);
  for (let sent = 0; sent < 5; sent++)
    node.run(['bash', '-c', 'echo datagram >/dev/udp/10.74.1.9/9'], foreign.path);
  const after = (await readSettledCounters(node, foreign.id))!;
  expect(after.egressPackets - egressPackets).toBe(5);
});
