import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Pod } from '../../../contract/pod.ts';
import type { ActiveRules, RuleExplanation } from '../../../contract/rules.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

const run = promisify(execFile);
const uplink = ['192.0.2.1', '2001:db8:1::1'];
const bridge = '198.51.100.1';
const isolated = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'isolated', namespace: 'shop' },
  spec: { policyTypes: ['Egress'] },
};

let node: TestNode;
let pod: Pod;

beforeAll(async () => {
  node = await startTestNode();
  for (const [name, ...addresses] of [
    ['uplink', '192.0.2.1/24', '2001:db8:1::1/64'],
    ['bridge', `${bridge}/24`],
  ] as const) {
    node.run(['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}-end`]);
    for (const address of addresses) node.run(['ip', 'addr', 'add', address, 'dev', name, 'nodad']);
    for (const end of [name, `${name}-end`]) node.run(['ip', 'link', 'set', end, 'up']);
  }
  pod = await node.addPod('cart', ['10.42.0.2/32', 'fd42::2/128'], 'veth');
}, 240_000);
afterAll(() => node?.[Symbol.asyncDispose]());

const reaches = (address: string) =>
  run('nsenter', [`--net=${pod.netns.path}`, 'ping', '-n', '-c', '1', '-W', '1', address]).then(
    () => true,
    () => false,
  );
const becomes = (address: string, expected: boolean) =>
  vi.waitFor(async () => expect(await reaches(address)).toBe(expected), { timeout: 10_000, interval: 200 });

test('isolation of egress leaves a pod the addresses of its node that have a default route', async () => {
  for (const address of [...uplink, bridge]) expect(await reaches(address)).toBe(true);
  const active = await node.ask<ActiveRules>('PUT', '/rules', isolated);
  expect(active.rules?.rules.map(({ name }) => name)).toEqual([
    'shop/isolated egress node',
    'shop/isolated egress rest',
  ]);
  // No interface is the uplink yet.
  for (const address of [...uplink, bridge]) expect(await reaches(address)).toBe(false);
  node.run(['ip', 'route', 'add', 'default', 'via', '192.0.2.254', 'dev', 'uplink']);
  for (const address of uplink) await becomes(address, true);
  expect(await reaches(bridge)).toBe(false);
  const explained = await node.ask<RuleExplanation>('POST', '/rules/explain', {
    source: 'shop.cart',
    destination: uplink[0],
    protocol: 'tcp',
    port: 443,
  });
  expect(explained).toMatchObject({ verdict: 'allow', egress: { rule: 'shop/isolated egress node' } });
}, 60_000);

test('an agent that starts has the node in its rules before it loads them', async () => {
  await node.killAgent();
  await node.startAgent();
  expect(await node.ask<ActiveRules>('GET', '/rules')).toMatchObject({ problem: null, version: 1 });
  expect(await reaches(uplink[0]!)).toBe(true);
}, 60_000);

test('an address that is added or a route that goes is followed', async () => {
  node.run(['ip', 'addr', 'add', '192.0.2.77/24', 'dev', 'uplink']);
  await becomes('192.0.2.77', true);
  node.run(['ip', 'route', 'del', 'default', 'via', '192.0.2.254', 'dev', 'uplink']);
  await becomes(uplink[0]!, false);
}, 60_000);
