import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNothingLeft } from '../../testbed/leak-check.ts';
import { addMany, addressOf, pingUntil, runBatch, unreachable } from '../../testbed/many-pods.ts';
import { type RiggedNode, rigNode } from '../../testbed/node.ts';

const count = 200;
let node: RiggedNode;
let paths: string[];
beforeAll(async () => {
  // Each pod has a second slot while it is migrated.
  node = await rigNode(['--max-slots', String(count * 2)]);
  paths = (await addMany(node, count)).map((pod) => pod.netns.path);
}, 120_000);
afterAll(() => node?.[Symbol.asyncDispose](), 120_000);

test('200 pods get new devices: all are reached before and after, nothing is lost or left', {
  timeout: 120_000,
}, async () => {
  expect(unreachable(node, count)).toEqual([]);
  const stop = new AbortController();
  const pinging = [0, 50, 100, 150].map((n) => pingUntil(stop.signal, paths[n]!, addressOf(n + 49), 10));
  const wanted = { all: true, to: 'veth', recreate: true, parallelism: 32, settleMs: 500 } as const;
  const batch = await runBatch(node, wanted);
  expect(batch, batch.reason ?? '').toMatchObject({ state: 'done', counts: { done: count } });
  expect(unreachable(node, count)).toEqual([]);
  stop.abort();
  for (const side of await Promise.all(pinging)) {
    expect(side.lost).toBe(0);
    expect(side.sent).toBeGreaterThan(200);
  }
  await expectNothingLeft(node, count);
  const took = (Date.parse(batch.endedAt!) - Date.parse(batch.startedAt)) / 1000;
  console.log(`${count} pods moved in ${took.toFixed(1)} s, ${batch.parallelism} at a time`);
});
