import { expect } from 'vitest';
import type { PodSummary } from '../../contract/pod.ts';
import { countLeft } from './many-pods.ts';
import type { RiggedNode } from './node.ts';

/** No device, route, pin or slot beyond what `count` pods have, nothing that wants attention. */
export async function expectNothingLeft(node: RiggedNode, count: number): Promise<void> {
  expect(await countLeft(node)).toEqual({ devices: count, routes: count, pins: 2 * count, slots: count });
  const { items } = await node.ask<{ items: PodSummary[] }>('GET', '/pods?limit=500');
  expect(items.map(({ attention, state }) => ({ attention, state }))).toEqual(
    items.map(() => ({ attention: [], state: 'running' })),
  );
}
