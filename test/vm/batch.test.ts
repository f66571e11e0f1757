import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeviceKind } from '../../contract/device.ts';
import type { PodSummary } from '../../contract/pod.ts';
import { expectNothingLeft } from '../testbed/leak-check.ts';
import { addMany, addressOf, pingUntil, runBatch, unreachable } from '../testbed/many-pods.ts';
import { type RiggedNode, rigNode } from '../testbed/node.ts';

const count = 12;
let node: RiggedNode;
let paths: string[];
beforeAll(async () => {
  const started = Date.now();
  node = await rigNode();
  paths = (await addMany(node, count)).map((pod) => pod.netns.path);
  console.log(`${count} pods attached in ${seconds(Date.now() - started)} s`);
});
afterAll(() => node?.[Symbol.asyncDispose]());

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

test.each<DeviceKind>(['veth', 'netkit'])(
  `${count} pods move to %s at once: all are reached, nothing is lost or left`,
  async (to) => {
    const stop = new AbortController();
    const pinging = [0, 4, 8].map((n) => pingUntil(stop.signal, paths[n]!, addressOf(n + 3), 20));
    const batch = await runBatch(node, { all: true, to, parallelism: 8, settleMs: 1000 });
    stop.abort();
    const sides = await Promise.all(pinging);
    expect(batch, batch.reason ?? '').toMatchObject({ state: 'done', counts: { done: count } });
    const took = seconds(Date.parse(batch.endedAt!) - Date.parse(batch.startedAt));
    console.log(`to ${to} in ${took} s, pings of ${sides.map(({ sent }) => sent).join(', ')} packets`);
    expect(unreachable(node, count)).toEqual([]);
    expect(sides.map(({ lost }) => lost)).toEqual([0, 0, 0]);
    expect(Math.min(...sides.map(({ sent }) => sent))).toBeGreaterThan(50);
    const { items } = await node.ask<{ items: PodSummary[] }>('GET', '/pods');
    expect(items.map(({ kind }) => kind)).toEqual(items.map(() => to));
    await expectNothingLeft(node, count);
  },
);
