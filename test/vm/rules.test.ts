import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { RuleSetInput } from '../../contract/acl.ts';
import type { ActiveRules, RuleView } from '../../contract/rules.ts';
import { connect } from '../rig/connection.ts';
import { rigNode } from '../rig/node.ts';

const rules: RuleSetInput = {
  name: 'shop',
  defaults: { ingress: 'deny' },
  rules: [
    {
      ...{ name: 'web to cart', direction: 'ingress', subject: { pod: 'shop.cart' } },
      ...{ peers: [{ pods: { matchLabels: { app: 'web' } } }], protocol: 'tcp', ports: [{ from: 7000 }] },
      action: 'allow',
    },
  ],
};

test('rules hold for a netkit pod, on veth after a fallback and on netkit again, and connections live on', async () => {
  await using node = await rigNode();
  const cart = await node.addPod('cart', '10.42.0.2/32', 'netkit');
  const web = await node.addPod('web', '10.42.0.3/32', { kind: 'netkit', labels: { app: 'web' } });
  const job = await node.addPod('job', '10.42.0.4/32', 'netkit');
  const reaches = (from: typeof web): boolean => {
    const command = ['timeout', '1', 'bash', '-c', 'exec 3<>/dev/tcp/10.42.0.2/7000'];
    try {
      execFileSync('nsenter', [`--net=${from.netns.path}`, ...command], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  expect(await node.ask<ActiveRules>('PUT', '/rules', rules)).toMatchObject({ problem: null, version: 1 });
  using connection = await connect(web.netns.path, cart.netns.path, '10.42.0.2');
  expect([reaches(web), reaches(job)]).toEqual([true, false]);
  for (const to of ['veth', 'netkit'] as const) {
    const migration = await node.migrate('shop.cart', to);
    expect(migration.state, JSON.stringify(migration.error)).toBe('done');
    await connection.carries();
    expect([reaches(web), reaches(job)], to).toEqual([true, false]);
  }
  const { packets } = await node.ask<RuleView>('GET', '/rules/web%20to%20cart');
  expect(packets).toBeGreaterThanOrEqual(4);
}, 120_000);
