import { expect } from 'vitest';
import type { PodSummary } from '../../contract/pod.ts';
import { countNodeObjects } from './many-pods.ts';
import type { TestNode } from './node.ts';

/** No device, route, pin or slot beyond what `count` pods have, nothing that wants attention. */
export async function expectNoLeaks(node: TestNode, count: number): Promise<void> {
  expect(await countNodeObjects(node)).toEqual({
    devices: count,
    routes: count,
    pins: 2 * count,
    slots: count,
  });
  const { items } = await node.ask<{ items: PodSummary[] }>('GET', '/pods?limit=500');
  expect(items.map(({ attention, state }) => ({ attention, state }))).toEqual(
    items.map(() => ({ attention: [], state: 'running' })),
  );
}
