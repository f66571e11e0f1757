import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pod } from '../../../contract/pod.ts';
import type { PodPath } from '../../../contract/pod-path.ts';
import type { PodSettings } from '../../../contract/settings.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
const pods: Partial<Record<'cart' | 'web', Pod>> = {};
const addresses = { cart: '10.42.0.2', web: '10.42.0.3' } as const;

beforeAll(async () => {
  node = await startTestNode();
  for (const name of ['cart', 'web'] as const)
    pods[name] = await node.addPod(name, `${addresses[name]}/32`, { kind: 'veth' });
}, 60_000);
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
});

const choose = (name: keyof typeof pods, redirect: boolean | null) =>
  node.ask<PodSettings>('PUT', `/pods/shop.${name}/settings`, { redirect });

/** Returns how many packets of a pod's are redirected of 20 that it sends to the other one. */
async function countRedirected(name: keyof typeof pods): Promise<number> {
  const count = async () =>
    Number(
      new RegExp(`podlane_pod_redirected_packets_total\\{[^}]*pod="${name}"[^}]*\\} (\\d+)`).exec(
        await node.metrics(),
      )?.[1] ?? 0,
    );
  const before = await count();
  const other = addresses[name === 'cart' ? 'web' : 'cart'];
  node.run(['ping', '-c', '20', '-i', '0.01', other], pods[name]!.netns.path);
  // Counters are read once a second.
  await new Promise((resolve) => setTimeout(resolve, 2100));
  return (await count()) - before;
}

const pathOf = async (name: keyof typeof pods) => {
  const { redirect, redirectSetting } = await node.ask<PodPath>('GET', `/pods/shop.${name}/path`);
  return { redirect, redirectSetting };
};

test('a pod’s own setting holds for what it sends, over a migration and a restart, until it is the node’s again', async () => {
  expect(await node.ask('GET', '/pods/shop.cart/settings')).toEqual({ redirect: null });
  expect(await pathOf('cart')).toEqual({ redirect: true, redirectSetting: 'node' });
  expect(await countRedirected('cart')).toBe(20);

  expect(await choose('cart', false)).toEqual({ redirect: false });
  expect(await pathOf('cart')).toEqual({ redirect: false, redirectSetting: 'pod' });
  expect(await pathOf('web')).toEqual({ redirect: true, redirectSetting: 'node' });
  expect(await countRedirected('cart')).toBe(0);
  expect(await countRedirected('web')).toBe(20);

  expect((await node.migrate('shop.cart', 'veth', true)).state).toBe('done');
  expect(await countRedirected('cart')).toBe(0);
  await node.stopAgent();
  await node.startAgent();
  expect(await node.ask('GET', '/pods/shop.cart/settings')).toEqual({ redirect: false });
  expect(await countRedirected('cart')).toBe(0);

  // It outweighs the node's, either way.
  await node.ask('PUT', '/node/settings', { redirect: false });
  await choose('cart', true);
  expect(await pathOf('cart')).toEqual({ redirect: true, redirectSetting: 'pod' });
  expect(await pathOf('web')).toEqual({ redirect: false, redirectSetting: 'node' });
  expect(await countRedirected('cart')).toBe(20);
  await choose('cart', null);
  expect(await pathOf('cart')).toEqual({ redirect: false, redirectSetting: 'node' });
  expect(await countRedirected('cart')).toBe(0);
}, 120_000);

test('settings of an unknown pod, and what is no setting, are refused', async () => {
  await expect(choose('cart', 'off' as never)).rejects.toMatchObject({ code: 'bad_request' });
  await expect(node.ask('PUT', '/pods/shop.nobody/settings', { redirect: true })).rejects.toMatchObject({
    code: 'pod_not_found',
  });
});
