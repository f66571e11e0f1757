import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeviceKind } from '../../contract/device.ts';
import type { PodSummary } from '../../contract/pod.ts';
import { expectNoLeaks } from '../testbed/leak-check.ts';
import { addPods, pingUntilAborted, podAddress, runBatch, unreachablePods } from '../testbed/many-pods.ts';
import { startTestNode, type TestNode } from '../testbed/node.ts';

const count = 4;
let node: TestNode;
let paths: string[];
beforeAll(async () => {
  const started = Date.now();
  node = await startTestNode();
  paths = (await addPods(node, count)).map((pod) => pod.netns.path);
  console.log(`${count} pods attached in ${seconds(Date.now() - started)} s`);
});
afterAll(() => node?.[Symbol.asyncDispose]());

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

test.each<DeviceKind>(['veth', 'netkit'])(
  `${count} pods move to %s at once: all are reached, nothing is lost or left`,
  async (to) => {
    const stop = new AbortController();
    const pinging = [0, 1, 2].map((n) => pingUntilAborted(stop.signal, paths[n]!, podAddress(n + 1), 20));
    const batch = await runBatch(node, { all: true, to, parallelism: 8, settleMs: 1000 });
    stop.abort();
    const sides = await Promise.all(pinging);
    expect(batch, batch.reason ?? '').toMatchObject({ state: 'done', counts: { done: count } });
    const took = seconds(Date.parse(batch.endedAt!) - Date.parse(batch.startedAt));
    console.log(`to ${to} in ${took} s, pings of ${sides.map(({ sent }) => sent).join(', ')} packets`);
    expect(unreachablePods(node, count)).toEqual([]);
    expect(sides.map(({ lost }) => lost)).toEqual([0, 0, 0]);
    expect(Math.min(...sides.map(({ sent }) => sent))).toBeGreaterThan(50);
    const { items } = await node.ask<{ items: PodSummary[] }>('GET', '/pods');
    expect(items.map(({ kind }) => kind)).toEqual(items.map(() => to));
    await expectNoLeaks(node, count);
  },
);
