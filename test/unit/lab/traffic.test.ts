import { expect, test } from 'vitest';
import { newPodSchema } from '../../../contract/pod.ts';
import { computeLabFlowLoadFactor, labFlows } from '../../../server/lab/lab-flows.ts';
import { labOutsideService, labPods } from '../../../server/lab/lab-topology.ts';
import { adjustLabLoadFactor, minLabLoadFactor } from '../../../server/lab/traffic/load-factor.ts';
import {
  advanceLabTrafficClock,
  openSharedRequestCounts,
  requestCountsSize,
} from '../../../server/lab/traffic/traffic-client.ts';
import { labMessageHeaderSize, maxLabMessageSize } from '../../../server/lab/traffic/traffic-message.ts';

test('the six pods are valid pods with distinct addresses', () => {
  for (const { namespace, name, addresses, labels } of labPods)
    expect(() =>
      newPodSchema.parse({ namespace, name, addresses, labels, netns: '/run/netns/x' }),
    ).not.toThrow();
  expect(new Set(labPods.flatMap(({ addresses }) => addresses)).size).toBe(12);
  expect(labPods.map(({ namespace, app }) => `${namespace}/${app}`)).toEqual([
    'shop/web',
    'shop/cart',
    'shop/catalogue',
    'shop/payments',
    'batch/indexer',
    'batch/worker',
  ]);
});

test('every pod is a client over TCP or UDP, so that every pod counts requests', () => {
  const clients = new Set(labFlows.map(({ from }) => from));
  expect(labPods.every(({ app }) => clients.has(app))).toBe(true);
});

test('every flow has existing endpoints and messages of a valid size', () => {
  const apps = new Set<string>([...labPods.map(({ app }) => app), labOutsideService.app]);
  for (const { type, from, to, request, reply } of labFlows) {
    expect(apps.has(from) && apps.has(to) && from !== to).toBe(true);
    const most = type === 'tcp' || type === 'short' ? maxLabMessageSize : 1472;
    for (const bytes of [request, reply]) expect(bytes > labMessageHeaderSize && bytes <= most).toBe(true);
  }
});

test('the load varies around its rate and never stops', () => {
  for (const index of labFlows.keys())
    for (let seconds = 0; seconds < 300; seconds++) {
      expect(computeLabFlowLoadFactor(index, seconds)).toBeGreaterThanOrEqual(0.55);
      expect(computeLabFlowLoadFactor(index, seconds)).toBeLessThanOrEqual(1.45);
    }
});

test.each([
  ['rises while it costs little', 0.5, 0.05, 0.25, 0.8],
  ['is never above the full load', 1, 0.01, 0.25, 1],
  ['falls by half at most when it costs too much', 0.5, 2, 0.25, 0.25],
  ['settles where it costs the budget', 0.4, 0.25, 0.25, 0.4],
  ['never stops', minLabLoadFactor, 5, 0.25, minLabLoadFactor],
])('the rate %s', (_, rate, cpu, budget, next) => {
  expect(adjustLabLoadFactor(rate, cpu, budget)).toBeCloseTo(next);
});

test('ten seconds without CPU count as half a second', () => {
  const clock = { now: 0 };
  advanceLabTrafficClock(clock, 20);
  advanceLabTrafficClock(clock, 10_000);
  expect(clock.now).toBe(520);
});

test('counts written in one thread are read in another', () => {
  const memory = new SharedArrayBuffer(requestCountsSize);
  const [writer, reader] = [openSharedRequestCounts(memory), openSharedRequestCounts(memory)];
  writer.ok += 2;
  writer.failed++;
  expect({ ...reader }).toEqual({ ok: 2, failed: 1, reconnects: 0 });
});
