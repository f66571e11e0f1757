import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MigrationPlan } from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import { pingUntilAborted } from '../../testbed/many-pods.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
let pod: Pod;
const outside = '192.0.2.1';
const addresses = { ipv4: '10.42.0.2', ipv6: 'fd42::2' };

beforeAll(async () => {
  node = await startTestNode();
  node.run(['ip', 'address', 'add', `${outside}/32`, 'dev', 'lo']);
  pod = await node.addPod('cart', [`${addresses.ipv4}/32`, `${addresses.ipv6}/128`], 'veth');
}, 240_000);
afterAll(() => node?.[Symbol.asyncDispose]());

const inPod = (...command: string[]): string => node.run(command, pod.netns.path);
const rules = (): string =>
  [
    node.run(['ip', 'rule']),
    node.run(['ip', '-6', 'rule']),
    inPod('ip', 'rule'),
    inPod('ip', '-6', 'rule'),
  ].join();

/** Migrates the pod under pings in both directions. @returns what got no reply */
async function lostInMigrations(count: number): Promise<number> {
  const stop = new AbortController();
  const pinging = [
    pingUntilAborted(stop.signal, pod.netns.path, outside, 2),
    pingUntilAborted(stop.signal, node.host, addresses.ipv4, 2),
  ];
  try {
    for (let i = 0; i < count; i++)
      expect(await node.migrate('shop.cart', 'veth', true)).toMatchObject({ state: 'done', error: null });
  } finally {
    stop.abort();
  }
  const sides = await Promise.all(pinging);
  for (const { sent } of sides) expect(sent).toBeGreaterThan(100);
  return sides.reduce((sum, { lost }) => sum + lost, 0);
}

test('packets of a pod whose routes depend on rules that name its interface are not lost', async () => {
  const { name } = pod.primary;
  // On both ends the routes are in a table that only a rule with the interface's name leads to.
  node.run(['ip', 'rule', 'add', 'pref', '100', 'iif', name, 'lookup', '100']);
  node.run(['ip', 'route', 'add', 'local', outside, 'dev', 'lo', 'table', '100']);
  node.run(['ip', 'rule', 'add', 'pref', '101', 'iif', name, 'unreachable']);
  inPod('ip', 'rule', 'add', 'pref', '100', 'iif', 'eth0', 'lookup', '100');
  inPod('ip', 'route', 'add', 'local', addresses.ipv4, 'dev', 'lo', 'table', '100');
  inPod('ip', 'rule', 'add', 'pref', '101', 'iif', 'eth0', 'blackhole');
  const before = rules();
  expect(await lostInMigrations(5)).toBe(0);
  expect(rules()).toBe(before);
});

test('a rule for all other interfaces is named by the plan, and comes through', async () => {
  inPod('ip', 'rule', 'add', 'pref', '200', 'not', 'iif', 'eth0', 'lookup', '200');
  const before = rules();
  const plan = await node.ask<MigrationPlan>('POST', '/pods/shop.cart/migrations', {
    to: 'veth',
    recreate: true,
    dryRun: true,
  });
  expect(plan.items).toEqual([
    expect.objectContaining({
      end: 'pod',
      kind: 'routing rule',
      name: 'rule 200: not iif eth0',
      outcome: 'changed',
    }),
  ]);
  await expect(node.migrate('shop.cart', 'veth', true)).rejects.toMatchObject({ code: 'loss_not_accepted' });
  expect(
    await node.migrate(
      'shop.cart',
      'veth',
      true,
      plan.items.map(({ id }) => id),
    ),
  ).toMatchObject({ state: 'done' });
  expect(rules()).toBe(before);
  inPod('ip', 'rule', 'delete', 'pref', '200');
});

test('strict reverse path filters in the pod lose nothing, and are as they were afterwards; that of the host is refused', async () => {
  const read = (...names: string[]): string =>
    names.map((name) => inPod('sysctl', `net.ipv4.conf.${name}.rp_filter`)).join('');
  for (const values of [
    { all: 1, eth0: 0 },
    { all: 0, eth0: 1 },
  ]) {
    for (const [name, value] of Object.entries(values))
      inPod('sysctl', '-qw', `net.ipv4.conf.${name}.rp_filter=${value}`);
    const before = read('all', 'eth0');
    expect(await lostInMigrations(3)).toBe(0);
    expect(read('all', 'eth0')).toBe(before);
  }
  inPod('sysctl', '-qw', 'net.ipv4.conf.eth0.rp_filter=0');
  node.run(['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1']);
  await expect(node.migrate('shop.cart', 'veth', true)).rejects.toMatchObject({ code: 'host_not_ready' });
  node.run(['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0']);
});

test('an address that the pod gives up before its new device has the name does not come back', async () => {
  const present = (): string => inPod('ip', '-o', 'address', 'show', 'dev', 'eth0');
  for (let round = 0; round < 6; round++) {
    inPod('ip', 'address', 'add', '10.42.7.7/32', 'dev', 'eth0', 'label', 'eth0:vip');
    const migrating = node.migrate('shop.cart', 'veth', true);
    for (const until = Date.now() + 15 * round; Date.now() < until; )
      await new Promise((next) => setTimeout(next, 1));
    // The name is on no interface for a moment.
    const remove = 'until ip address delete 10.42.7.7/32 dev eth0 2>/dev/null; do sleep 0.001; done';
    inPod('timeout', '5', 'sh', '-c', remove);
    expect(await migrating).toMatchObject({ state: 'done', error: null });
    expect(present()).not.toContain('10.42.7.7');
  }
});
