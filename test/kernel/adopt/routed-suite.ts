import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AdoptionPlan } from '../../../contract/adoption.ts';
import type { Migration } from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import {
  addCalicoPod,
  addOutside,
  addPtpPod,
  compareNetworks,
  type ForeignPod,
  outsideAddress,
  printNetwork,
  waitForObservedPod,
} from '../../testbed/foreign-pods.ts';
import { ping, startTestNode, type TestNode } from '../../testbed/node.ts';
import { pollUntil } from '../../testbed/poll.ts';
import type { AdoptedMove } from './bridged-suite.ts';

/**
 * Tests adoption, moves and release of routed pods under traffic.
 * @param moves what is done between adoption and release @param pings number and pause in ms of pings while a pod is moved
 */
export const describeRoutedPods = (
  moves: readonly AdoptedMove[],
  pings: { count: number; ms: number },
): void => {
  describe.each([
    ['ptp', addPtpPod],
    ['Calico', addCalicoPod],
  ] as const)('a pod that is routed as %s does', (_, add) => {
    let node: TestNode;
    let foreign: ForeignPod;
    let outside: string;
    let id: string;
    let before: { host: string[]; pod: string[] };
    let pod: Pod;

    beforeAll(async () => {
      node = await startTestNode(['--cni-config', '/nonexistent']);
      outside = addOutside(node);
      foreign = await add(node, 'web', 7);
      id = (await waitForObservedPod(node, foreign)).id;
      await ping(node.host, foreign.address, 3);
      before = { host: printNetwork(node), pod: printNetwork(node, foreign.netns) };
    }, 120_000);
    afterAll(() => node?.[Symbol.asyncDispose]());

    const expectAsBefore = (): void => {
      expect(compareNetworks(before.pod, printNetwork(node, foreign.netns))).toEqual([]);
      expect(compareNetworks(before.host, printNetwork(node))).toEqual([]);
    };

    test('has a plan that changes nothing', async () => {
      const plan = await node.ask<AdoptionPlan>('POST', `/observed-pods/${id}/adopt`, { dryRun: true });
      expect(plan).toMatchObject({ allowed: true, form: 'routed', items: [] });
      expectAsBefore();
    });

    test('is adopted as it is: every packet arrives, and its network is as before', async () => {
      const pinging = ping(node.host, foreign.address, 200, pings.ms);
      pod = await node.ask<Pod>('POST', `/observed-pods/${id}/adopt`, { name: 'web', namespace: 'shop' });
      expect(pod).toMatchObject({ name: 'web', kind: 'veth', adoption: { form: 'routed' } });
      expect(pod.primary.name).toBe(foreign.hostEnd);
      expect(await pinging).toMatchObject({ lost: 0 });
      expectAsBefore();
      expect(pod.device?.programs.filter(({ ours }) => ours)).toHaveLength(2);
    });

    test('moves to a device of Podlane’s and back with its release, without a lost packet', async () => {
      const pinging = [
        ping(outside, foreign.address, pings.count, pings.ms),
        ping(foreign.netns, outsideAddress, pings.count, pings.ms),
      ];
      for (const { to, recreate } of moves) {
        const moved = await node.migrate('shop.web', to, recreate);
        expect(moved.state, JSON.stringify(moved.error)).toBe('done');
        const { kind, primary } = await node.ask<Pod>('GET', '/pods/shop.web');
        expect({ kind, name: primary.name }).toEqual({ kind: to, name: foreign.hostEnd });
        expect(primary.ifindex).toBeGreaterThan(1_000_000);
      }
      const { migration } = await node.ask<{ migration: Migration }>('POST', '/pods/shop.web/release', {});
      const ended = await pollUntil(
        () => node.ask<Migration>('GET', `/migrations/${migration.id}`),
        ({ state }) => state !== 'running',
      );
      expect(ended.state, JSON.stringify(ended.error)).toBe('done');
      for (const counts of await Promise.all(pinging)) expect(counts).toMatchObject({ lost: 0 });
      await waitForObservedPod(node, foreign);
      expectAsBefore();
    });
  });
};
