import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Migration, MigrationPlan } from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import { expectIproute2Agrees } from '../../testbed/iproute2-oracle.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
let cart: Pod;
let web: Pod;

beforeAll(async () => {
  node = await startTestNode();
  cart = await node.addPod('cart', ['10.42.0.2/32', 'fd42::2/128', '10.42.0.20/32', 'fd42::20/128'], {
    mtu: 1400,
    macs: { primary: '02:00:00:00:aa:01', peer: '02:00:00:00:aa:02' },
    routes: [
      { destination: '10.99.0.0/16', mtu: 1300, metric: 7 },
      { destination: 'fd99::/64', metric: 9 },
    ],
  });
  web = await node.addPod('web', ['fd42::3/128']);
}, 240_000);
afterAll(() => node?.[Symbol.asyncDispose]());

const now = (): Promise<Pod> => node.ask<Pod>('GET', '/pods/shop.cart');
const ping = (pod: Pod, address: string, source?: string): string =>
  node.run(
    ['ping', '-c', '3', '-i', '0.01', '-W', '1', ...(source ? ['-I', source] : []), address],
    pod.netns.path,
  );

test('a dual-stack pod has what it asked for, as iproute2 reads it', async () => {
  expectIproute2Agrees(node, cart);
  const texts = cart.routes.pod.map((route) => route.text);
  expect(texts).toContain('default via 169.254.1.1 dev eth0 onlink');
  expect(texts).toContain('10.99.0.0/16 via 169.254.1.1 dev eth0 metric 7 onlink mtu 1300');
  expect(texts.some((text) => text.startsWith('default via fe80::1 dev eth0'))).toBe(true);
  expect(texts.some((text) => text.startsWith('fd99::/64 via fe80::1 dev eth0'))).toBe(true);
  expect(cart.device).toMatchObject({
    primary: { mtu: 1400, mac: '02:00:00:00:aa:01' },
    peer: { mtu: 1400, mac: '02:00:00:00:aa:02' },
  });
  const addresses = node.run(['ip', '-6', 'address', 'show', 'dev', 'eth0'], cart.netns.path);
  expect(addresses).not.toMatch(/tentative|fe80/);
});

test('the first address of a family is its preferred source', () => {
  const got = (family: string, to: string): string =>
    / src (\S+)/.exec(node.run(['ip', family, 'route', 'get', to], cart.netns.path))?.[1] ?? '';
  expect(got('-4', '10.42.0.3')).toBe('10.42.0.2');
  expect(got('-6', 'fd42::3')).toBe('fd42::2');
});

test('every address is reached, and may be sent from', () => {
  for (const address of ['fd42::2', 'fd42::20']) expect(ping(web, address)).toContain(' 0% packet loss');
  expect(ping(cart, 'fd42::3', 'fd42::20')).toContain(' 0% packet loss');
  expect(ping(cart, 'fe80::1%eth0')).toContain(' 0% packet loss');
});

test('a migration carries all of it, and the plan names it', async () => {
  const plan = await node.ask<MigrationPlan>('POST', '/pods/shop.cart/migrations', {
    to: 'veth',
    recreate: true,
    dryRun: true,
  });
  const commands = plan.steps.flatMap((step) => step.requests.map((request) => request.command));
  // An address after the first is added again for its label.
  const added = commands.filter((command) => / address add /.test(command) && !command.includes(' label '));
  expect(added).toHaveLength(4);
  expect(commands.some((command) => command.includes('-6 route replace default via fe80::1'))).toBe(true);
  const before = await now();
  const migration: Migration = await node.migrate('shop.cart', 'veth', true);
  expect(migration.state, JSON.stringify(migration.error)).toBe('done');
  const after = await now();
  expect(after.slot).not.toBe(before.slot);
  expect(after.routes.pod).toEqual(before.routes.pod);
  expect(after.neighbors.pod).toEqual(before.neighbors.pod);
  expect(after.routes.host.map((route) => route.destination).sort()).toEqual(
    before.routes.host.map((route) => route.destination).sort(),
  );
  expectIproute2Agrees(node, after);
  expect(ping(web, 'fd42::20')).toContain(' 0% packet loss');
  expect(/ src (\S+)/.exec(node.run(['ip', '-6', 'route', 'get', 'fd42::3'], after.netns.path))?.[1]).toBe(
    'fd42::2',
  );
});

test('packets between pods of the node are redirected, as the path’s counters show', async () => {
  node.run(['ping', '-6', '-c', '150', '-i', '0.01', 'fd42::3'], cart.netns.path);
  const path = await node.ask<{ traffic: { redirected: number; hostRouted: number }; redirect: boolean }>(
    'GET',
    '/pods/shop.cart/path',
  );
  expect(path.redirect).toBe(true);
  expect(path.traffic.redirected).toBeGreaterThan(20);
  await node.ask('PUT', '/node/settings', { redirect: false });
  await new Promise((resolve) => setTimeout(resolve, 1100));
  node.run(['ping', '-6', '-c', '150', '-i', '0.01', 'fd42::3'], cart.netns.path);
  const stack = await node.ask<{ traffic: { redirected: number; hostRouted: number } }>(
    'GET',
    '/pods/shop.cart/path',
  );
  expect(stack.traffic.redirected).toBe(0);
  expect(stack.traffic.hostRouted).toBeGreaterThan(20);
  await node.ask('PUT', '/node/settings', { redirect: true });
});
