import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNoLeaks } from '../../testbed/leak-check.ts';
import { addPods, pingUntilAborted, podAddress, runBatch, unreachablePods } from '../../testbed/many-pods.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

const count = 200;
let node: TestNode;
let paths: string[];
beforeAll(async () => {
  // Each pod has a second slot while it is migrated.
  node = await startTestNode(['--max-slots', String(count * 2)]);
  paths = (await addPods(node, count)).map((pod) => pod.netns.path);
}, 480_000);
afterAll(() => node?.[Symbol.asyncDispose](), 120_000);

test('200 pods get new devices: all answer before and after, no packet is lost and nothing is left behind', {
  timeout: 480_000,
}, async () => {
  expect(unreachablePods(node, count)).toEqual([]);
  const stop = new AbortController();
  const pinging = [0, 50, 100, 150].map((n) =>
    pingUntilAborted(stop.signal, paths[n]!, podAddress(n + 49), 10),
  );
  const wanted = { all: true, to: 'veth', recreate: true, parallelism: 32, settleMs: 500 } as const;
  const batch = await runBatch(node, wanted);
  expect(batch, batch.reason ?? '').toMatchObject({ state: 'done', counts: { done: count } });
  expect(unreachablePods(node, count)).toEqual([]);
  stop.abort();
  for (const side of await Promise.all(pinging)) {
    expect(side.lost).toBe(0);
    expect(side.sent).toBeGreaterThan(200);
  }
  await expectNoLeaks(node, count);
  const took = (Date.parse(batch.endedAt!) - Date.parse(batch.startedAt)) / 1000;
  console.log(`${count} pods moved in ${took.toFixed(1)} s, ${batch.parallelism} at a time`);
});
