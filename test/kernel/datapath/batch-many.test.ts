import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNothingLeft } from '../../rig/left.ts';
import { addMany, addressOf, runBatch, unreachable } from '../../rig/many.ts';
import { type Pings, ping, type RiggedNode, rigNode } from '../../rig/node.ts';

const count = 200;
/** One every 10 ms: longer than the batch takes. */
const pings = 2500;
let node: RiggedNode;
let pinging: Promise<Pings>[];
beforeAll(async () => {
  // Each pod has a second slot while it is migrated.
  node = await rigNode(['--max-slots', String(count * 2)]);
  const pods = await addMany(node, count);
  const sides = [0, 50, 100, 150].map((n) => [pods[n]!.netns.path, addressOf(n + 49)] as const);
  pinging = sides.map(([netns, address]) => ping(netns, address, pings, 10));
}, 120_000);
afterAll(() => node?.[Symbol.asyncDispose](), 120_000);

test('200 pods get new devices: all are reached before and after, nothing is lost or left', {
  timeout: 120_000,
}, async () => {
  expect(unreachable(node, count)).toEqual([]);
  const wanted = { all: true, to: 'veth', recreate: true, parallelism: 32, settleMs: 500 } as const;
  const batch = await runBatch(node, wanted);
  expect(batch, batch.reason ?? '').toMatchObject({ state: 'done', counts: { done: count } });
  expect(unreachable(node, count)).toEqual([]);
  for (const side of pinging) expect(await side).toMatchObject({ sent: pings, lost: 0 });
  await expectNothingLeft(node, count);
  const took = (Date.parse(batch.endedAt!) - Date.parse(batch.startedAt)) / 1000;
  console.log(`${count} pods moved in ${took.toFixed(1)} s, ${batch.parallelism} at a time`);
});
