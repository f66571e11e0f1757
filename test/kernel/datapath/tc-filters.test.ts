import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NodeInfo } from '../../../contract/node.ts';
import type { Pod } from '../../../contract/pod.ts';
import { expectIproute2Agrees } from '../../testbed/iproute2-oracle.ts';
import { ping, startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
let pod: Pod;
let other: Pod;

beforeAll(async () => {
  node = await startTestNode(['--without', 'tcx,live-rename']);
  pod = await node.addPod('cart', ['10.42.0.2/32', 'fd42::2/128']);
  other = await node.addPod('web', ['10.42.0.3/32']);
}, 240_000);
afterAll(() => node?.[Symbol.asyncDispose]());

const now = (): Promise<Pod> => node.ask<Pod>('GET', '/pods/shop.cart');
const filters = (name: string, direction: string): string =>
  node.run(['tc', 'filter', 'show', 'dev', name, direction]);

test('without tcx the programs are clsact filters, as tc shows them', async () => {
  const { capabilities } = await node.ask<NodeInfo>('GET', '/node');
  expect(capabilities.find((each) => each.name === 'tcx')).toMatchObject({ available: false });
  const { hooks, device } = pod;
  expect(hooks).toBe('tc');
  expect(device?.programs.map(({ hook, name, ours }) => [hook, name, ours])).toEqual([
    ['tc/ingress', 'from_pod_tc', true],
    ['tc/egress', 'to_pod_tc', true],
  ]);
  for (const [direction, program] of [
    ['ingress', device?.programs[0]],
    ['egress', device?.programs[1]],
  ] as const) {
    const text = filters(pod.primary.name, direction);
    expect(text).toContain(`pref 100`);
    expect(text).toContain('direct-action');
    expect(text).toContain(`id ${program?.id} `);
  }
});

test('the pod is counted and migrated without loss, and keeps its name although no interface can be renamed', async () => {
  const pinging = ping(other.netns.path, '10.42.0.2', 800);
  const migration = await node.migrate('shop.cart', 'veth', true);
  expect(migration.state, JSON.stringify(migration.error)).toBe('done');
  expect(await pinging).toMatchObject({ sent: 800, lost: 0 });
  expect(migration.result?.ingressPackets).toBeGreaterThan(0);
  const after = await now();
  expect(after.device?.peer).toMatchObject({ name: `pn${after.slot}`, altnames: ['eth0'] });
  expect(node.run(['ip', '-o', 'link', 'show', 'dev', 'eth0'], after.netns.path)).toContain('altname eth0');
  expectIproute2Agrees(node, after);
});

test('a deleted filter is restored when the agent starts', async () => {
  const { primary } = await now();
  node.run(['tc', 'filter', 'delete', 'dev', primary.name, 'ingress']);
  await node.killAgent();
  await node.startAgent();
  expect(filters(primary.name, 'ingress')).toContain('from_pod_tc');
});
