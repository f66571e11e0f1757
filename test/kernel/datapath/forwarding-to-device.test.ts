import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pod } from '../../../contract/pod.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node?.[Symbol.asyncDispose]());

test('an action of another interface that mirrors packets to the primary mirrors them to the new one', async () => {
  const pod = await node.addPod('mirrored', '10.42.0.2/32');
  node.run(['ip', 'link', 'add', 'other', 'up', 'type', 'veth', 'peer', 'name', 'other-peer']);
  node.run(['tc', 'qdisc', 'add', 'dev', 'other', 'clsact']);
  const filter = `tc filter add dev other egress protocol ip prio 3 u32 match ip dport 9001 0xffff action mirred egress mirror dev ${pod.primary.name}`;
  node.run(filter.split(' '));
  const migration = await node.migrate('shop.mirrored', 'veth', true);
  expect(migration.state, migration.error?.detail).toBe('done');
  const { primary } = await node.ask<Pod>('GET', '/pods/shop.mirrored');
  expect(node.run(['tc', 'filter', 'show', 'dev', 'other', 'egress'])).toContain(
    `Egress Mirror to device ${primary.name}`,
  );
});

test('a static entry of a bridge for the primary is one for the new primary', async () => {
  const pod = await node.addPod('bridged', '10.42.0.3/32');
  node.run(['ip', 'link', 'add', 'bridge', 'up', 'type', 'bridge']);
  node.run(['ip', 'link', 'set', pod.primary.name, 'master', 'bridge']);
  const entry = ['02:00:00:00:00:77', 'dev', pod.primary.name, 'master', 'static'];
  node.run(['bridge', 'fdb', 'add', ...entry]);
  const migration = await node.migrate('shop.bridged', 'veth', true);
  expect(migration.state, migration.error?.detail).toBe('done');
  const { primary } = await node.ask<Pod>('GET', '/pods/shop.bridged');
  expect(node.run(['bridge', 'fdb', 'show', 'dev', primary.name])).toContain(
    '02:00:00:00:00:77 master bridge static',
  );
});
