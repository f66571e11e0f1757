import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AdoptionPlan } from '../../../contract/adoption.ts';
import type { DeviceKind } from '../../../contract/device.ts';
import type { Migration } from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import {
  addBridge,
  addBridgedPod,
  addOutside,
  bridgeNetwork,
  compareNetworks,
  type ForeignPod,
  outsideAddress,
  printNetwork,
  waitForObservedPod,
} from '../../testbed/foreign-pods.ts';
import { startTestTraffic, type TestTraffic } from '../../testbed/masqueraded-traffic.ts';
import { ping, startTestNode, type TestNode } from '../../testbed/node.ts';
import { pollUntil } from '../../testbed/poll.ts';

/** A move of an adopted pod, with what is accepted of its plan. */
export interface AdoptedMove {
  to: DeviceKind;
  recreate?: boolean;
}

/**
 * Tests adoption, moves and release of a pod on a bridge under traffic.
 * @param moves what is done between adoption and release @param pings number and pause in ms of pings while a pod is moved
 */
export const describeBridgedPod = (
  moves: readonly AdoptedMove[],
  pings: { count: number; ms: number },
): void => {
  describe('a pod on a bridge, as Docker has it', () => {
    let node: TestNode;
    let outside: string;
    let web: ForeignPod;
    let other: ForeignPod;
    let isolated: ForeignPod;
    let id: string;
    let before: { host: string[]; pod: string[] };
    let traffic: TestTraffic;

    beforeAll(async () => {
      node = await startTestNode(['--cni-config', '/nonexistent']);
      outside = addOutside(node);
      addBridge(node, '172.30.0.7');
      web = await addBridgedPod(node, 'web', 7);
      other = await addBridgedPod(node, 'other', 8);
      isolated = await addBridgedPod(node, 'isolated', 9, 'br-other');
      id = (await waitForObservedPod(node, web)).id;
      before = { host: printNetwork(node), pod: printNetwork(node, web.netns) };
      traffic = await startTestTraffic({
        from: basename(outside),
        to: basename(web.netns),
        serverPort: 80,
        address: '198.51.100.1',
        port: bridgeNetwork.port,
        tcp: 3,
        udp: 3,
      });
    }, 120_000);
    afterAll(async () => {
      traffic?.[Symbol.dispose]();
      await node?.[Symbol.asyncDispose]();
    });

    /** Pings as they cross the bridge, the node and masquerading while something is done. */
    const pinging = async (act: () => Promise<void>): Promise<void> => {
      const { count, ms } = pings;
      const running = [
        ping(other.netns, web.address, count, ms),
        ping(web.netns, other.address, count, ms),
        ping(node.host, web.address, count, ms),
        ping(web.netns, outsideAddress, count, ms),
      ];
      const [done, ...counted] = await Promise.allSettled([act(), ...running]);
      if (done.status === 'rejected') throw done.reason;
      for (const [index, counts] of counted.entries())
        expect(counts, `ping ${index}`).toMatchObject({ value: { lost: 0 } });
      expect(traffic.broken()).toEqual([]);
      await traffic.carries();
    };
    const expectAsBefore = (): void => {
      expect(compareNetworks(before.pod, printNetwork(node, web.netns))).toEqual([]);
      expect(compareNetworks(before.host, printNetwork(node))).toEqual([]);
    };

    test('has a plan that says what stays: gateway, neighbors, hairpin, published ports, rules', async () => {
      const plan = await node.ask<AdoptionPlan>('POST', `/observed-pods/${id}/adopt`, { dryRun: true });
      expect(plan).toMatchObject({ allowed: true, form: 'bridged', items: [] });
      const text = plan.checks.map(({ name, detail }) => `${name}: ${detail}`).join('\n');
      for (const part of ['172.30.0.1', '1 other port', 'hairpin mode of', '8080/tcp to 80', 'br-web'])
        expect(text).toContain(part);
      expectAsBefore();
    });

    test('is adopted as it is', async () => {
      await pinging(async () => {
        const pod = await node.ask<Pod>('POST', `/observed-pods/${id}/adopt`, {
          name: 'web',
          namespace: 'shop',
        });
        expect(pod).toMatchObject({ kind: 'veth', adoption: { form: 'bridged', bridge: 'br-web' } });
        expectAsBefore();
      });
    });

    test.each(moves)(
      'moves to $to of Podlane’s, which is a port of the same bridge',
      async ({ to, recreate }) => {
        await pinging(async () => {
          const moved = await node.migrate('shop.web', to, recreate);
          expect(moved.state, JSON.stringify(moved.error)).toBe('done');
        });
        const { kind, primary } = await node.ask<Pod>('GET', '/pods/shop.web');
        expect({ kind, name: primary.name }).toEqual({ kind: to, name: web.hostEnd });
        expect(node.run(['bridge', 'link', 'show', 'dev', web.hostEnd])).toContain('master br-web');
        await expect(ping(isolated.netns, web.address, 3, 200)).resolves.toMatchObject({ lost: 3 });
      },
    );

    test('is given back as it was', async () => {
      await pinging(async () => {
        const { migration } = await node.ask<{ migration: Migration }>('POST', '/pods/shop.web/release', {});
        const ended = await pollUntil(
          () => node.ask<Migration>('GET', `/migrations/${migration.id}`),
          ({ state }) => state !== 'running',
        );
        expect(ended.state, JSON.stringify(ended.error)).toBe('done');
      });
      expect(await traffic.stop()).toBe(0);
      expectAsBefore();
      await waitForObservedPod(node, web);
    });
  });
};
