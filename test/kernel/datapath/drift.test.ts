import { closeSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import type { Pod } from '../../../contract/pod.ts';
import { openPinnedObject } from '../../../server/bpf/pin.ts';
import { expectIproute2Agrees } from '../../testbed/iproute2-oracle.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
let pod: Pod;
let other: Pod;

beforeAll(async () => {
  node = await startTestNode();
  pod = await node.addPod('cart', ['10.42.0.2/32', 'fd42::2/128']);
  other = await node.addPod('web', ['10.42.0.3/32', 'fd42::3/128']);
}, 240_000);
afterAll(() => node?.[Symbol.asyncDispose]());

const now = (): Promise<Pod> => node.ask<Pod>('GET', '/pods/shop.cart');
const inPod = (...command: string[]): string => node.run(command, pod.netns.path);
const drifts = async (): Promise<string[]> =>
  (await node.ask<{ items: AgentEvent[] }>('GET', '/events?limit=200')).items
    .filter((event) => event.type === 'drift')
    .map((event) => event.message);
const reachable = (): void => {
  for (const address of ['10.42.0.2', 'fd42::2'])
    expect(node.run(['ping', '-c', '2', '-i', '0.01', '-W', '1', address], other.netns.path)).toContain(
      ' 0% packet loss',
    );
};

test.each<[what: string, change: (device: { primary: string }) => unknown, sentence: RegExp]>([
  [
    'its MTU changed in the pod',
    () => inPod('ip', 'link', 'set', 'eth0', 'mtu', '1300'),
    /MTU of eth0 was changed to 1300/,
  ],
  [
    'its MTU changed on the host',
    ({ primary }) => node.run(['ip', 'link', 'set', primary, 'mtu', '1280']),
    /MTU of pl\d+ was changed/,
  ],
  [
    'an address deleted',
    () => inPod('ip', 'address', 'delete', '10.42.0.2/32', 'dev', 'eth0'),
    /10\.42\.0\.2\/32 was removed from eth0/,
  ],
  [
    'its IPv6 address deleted',
    () => inPod('ip', 'address', 'delete', 'fd42::2/128', 'dev', 'eth0'),
    /fd42::2\/128 was removed from eth0/,
  ],
  [
    'its default route deleted',
    () => inPod('ip', 'route', 'delete', 'default'),
    /default route via 169\.254\.1\.1 was deleted/,
  ],
  [
    'the host’s route deleted',
    () => node.run(['ip', '-6', 'route', 'delete', 'fd42::2']),
    /host's route to fd42::2 was deleted/,
  ],
  ['its interface taken down', () => inPod('ip', 'link', 'set', 'eth0', 'down'), /eth0 was taken down/],
  ['its interface renamed', () => inPod('ip', 'link', 'set', 'eth0', 'name', 'odd0'), /eth0 is called odd0/],
  [
    'its device deleted from inside',
    () => inPod('ip', 'link', 'delete', 'eth0'),
    /was deleted by another process/,
  ],
])('a pod with %s is repaired, and an event reports it', async (_, change, sentence) => {
  const before = await now();
  const old = await drifts();
  change({ primary: before.primary.name });
  await expect
    .poll(
      async () => (await drifts()).slice(0, -old.length || undefined).some((text) => sentence.test(text)),
      { timeout: 20_000 },
    )
    .toBe(true);
  await expect.poll(async () => (await now()).device?.peer.up, { timeout: 20_000 }).toBe(true);
  const after = await now();
  expect(after.attention).toEqual([]);
  expect(after.routes.pod.map((route) => route.text).sort()).toEqual(
    before.routes.pod.map((route) => route.text).sort(),
  );
  expectIproute2Agrees(node, after);
  reachable();
});

test('a permanent neighbor entry that was changed on the host or deleted in the pod is repaired at once', async () => {
  const {
    netns,
    primary: { name },
  } = other;
  const onHost = () => node.run(['ip', 'neigh', 'show', '10.42.0.3', 'dev', name]);
  const gateway = () => node.run(['ip', 'neigh', 'show', '169.254.1.1'], netns.path);
  const [before, gatewayBefore] = [onHost(), gateway()];
  expect(before).toContain('PERMANENT');
  expect(gatewayBefore).toContain('PERMANENT');
  node.run([
    'ip',
    'neigh',
    'replace',
    '10.42.0.3',
    'lladdr',
    '02:00:00:00:00:99',
    'nud',
    'stale',
    'dev',
    name,
  ]);
  // Long before the next look at everything of the pod.
  await expect.poll(onHost, { timeout: 20_000 }).toBe(before);
  node.run(['ip', 'neigh', 'delete', '169.254.1.1', 'dev', 'eth0'], netns.path);
  await expect.poll(gateway, { timeout: 20_000 }).toBe(gatewayBefore);
});

test('an address added by another process becomes a condition, is not removed, and the condition clears with it', async () => {
  inPod('ip', 'address', 'add', '10.9.9.9/32', 'dev', 'eth0');
  await expect
    .poll(async () => (await now()).attention, { timeout: 20_000 })
    .toEqual(['10.9.9.9/32 was added to eth0 by another process; packets from it are dropped']);
  await sleep(500);
  expect(inPod('ip', 'address', 'show', 'dev', 'eth0')).toContain('10.9.9.9');
  inPod('ip', 'address', 'delete', '10.9.9.9/32', 'dev', 'eth0');
  await expect.poll(async () => (await now()).attention, { timeout: 20_000 }).toEqual([]);
});

test('a change that is made again and again is repaired after pauses, and the pod says so', async () => {
  for (let i = 0; i < 5; i++) {
    inPod('ip', 'route', 'replace', 'default', 'via', '169.254.1.1', 'dev', 'eth0', 'onlink');
    inPod('ip', 'route', 'delete', 'default');
    await sleep(600);
  }
  const { attention } = await now();
  expect(attention).toHaveLength(1);
  expect(attention[0]).toMatch(/again after \d repairs; Podlane repairs it again after pauses of \d s/);
  const count = (await drifts()).length;
  await expect.poll(async () => (await now()).attention, { timeout: 20_000 }).toEqual([]);
  expect(inPod('ip', 'route')).toContain('default via 169.254.1.1');
  expect((await drifts()).length).toBe(count);
});

test('a removed pin is restored when the agent starts', async () => {
  const links = join(node.pins, 'links');
  const pins = readdirSync(links).length;
  for (const name of readdirSync(links).slice(0, 2)) rmSync(join(links, name));
  expect(readdirSync(links).length).toBeLessThan(pins);
  await node.killAgent();
  await node.startAgent();
  expect(readdirSync(links).length).toBe(pins);
  expect((await now()).device?.programs.filter((program) => program.ours)).toHaveLength(2);
  reachable();
});

test('a removed pin of a link that another process holds is restored, and its program stays on its hook', async () => {
  const { primary, slot } = await now();
  const [pin] = readdirSync(join(node.pins, 'links')).filter((name) => name.startsWith(`${slot}-`));
  const path = join(node.pins, 'links', `${pin}`);
  const held = openPinnedObject(path);
  try {
    rmSync(path);
    node.run(['ip', 'link', 'set', primary.name, 'mtu', '1400']);
    await expect.poll(() => existsSync(path), { timeout: 20_000 }).toBe(true);
    await expect.poll(async () => (await now()).attention, { timeout: 20_000 }).toEqual([]);
    expect((await now()).device?.programs.filter((program) => program.ours)).toHaveLength(2);
  } finally {
    if (held !== null) closeSync(held);
  }
  expect((await now()).device?.programs.filter((program) => program.ours)).toHaveLength(2);
});

test('a pod whose namespace is gone is removed', async () => {
  await node.addPod('gone', ['10.42.0.9/32']);
  node.removeNamespace('gone');
  await expect
    .poll(
      () =>
        node.ask('GET', '/pods/shop.gone').then(
          () => 'there',
          (error) => error.code,
        ),
      { timeout: 20_000 },
    )
    .toBe('pod_not_found');
});
