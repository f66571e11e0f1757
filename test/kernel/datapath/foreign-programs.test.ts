import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MigrationPlan } from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

describe.each([
  ['tcx', []],
  ['tc', ['--without', 'tcx']],
] as const)('programs of others on hooks of %s', (family, flags) => {
  let node: TestNode;
  let before: Pod;
  const ids: Record<string, number> = {};
  const out = `${family}/ingress`;
  const into = `${family}/egress`;

  beforeAll(async () => {
    node = await startTestNode([...flags]);
    before = await node.addPod('cart', ['10.42.0.2/32']);
    for (const [name, hook, order] of [
      ['early', out, 'head'],
      ['late', out, 'tail'],
      ['alone', into, 'head'],
    ] as const)
      ids[name] = Number(
        node.run([
          process.execPath,
          new URL('../../testbed/foreign-program.ts', import.meta.url).pathname,
          hook,
          String(before.primary.ifindex),
          order,
          name,
        ]),
      );
  }, 240_000);
  afterAll(() => node?.[Symbol.asyncDispose]());

  const order = async (): Promise<[string, (number | 'ours')[]][]> => {
    const { device } = await node.ask<Pod>('GET', '/pods/shop.cart');
    return [out, into].map((hook) => [
      hook,
      device!.programs.filter((each) => each.hook === hook).map((each) => (each.ours ? 'ours' : each.id)),
    ]);
  };
  const expected = (): [string, (number | 'ours' | undefined)[]][] => [
    [out, [ids.early, 'ours', ids.late]],
    [into, [ids.alone, 'ours']],
  ];

  test('are shown in their order', async () => {
    expect(await order()).toEqual(expected());
  });

  test('are named in the plan, are carried to the new device, and keep their order', async () => {
    const plan = await node.ask<MigrationPlan>('POST', '/pods/shop.cart/migrations', {
      to: 'veth',
      recreate: true,
      dryRun: true,
    });
    expect(plan.checks.find((check) => check.name.includes('of others'))).toMatchObject({
      state: 'note',
      name: expect.stringContaining('3 programs'),
    });
    const migration = await node.migrate('shop.cart', 'veth', true);
    expect(migration.state, JSON.stringify(migration.error)).toBe('done');
    expect((await node.ask<Pod>('GET', '/pods/shop.cart')).slot).not.toBe(before.slot);
    expect(await order()).toEqual(expected());
  });

  test('stay in place when a new agent adopts Podlane’s programs', async () => {
    await node.killAgent();
    await node.startAgent();
    expect(await order()).toEqual(expected());
  });
});
