import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pod } from '../../contract/pod.ts';
import {
  cniSocketOf,
  cniStatusOf,
  expectNoContainers,
  poolNetwork,
  runPlugin,
} from '../testbed/cni-plugin.ts';
import { ping, startTestNode, type TestNode } from '../testbed/node.ts';

// Containers on netkit.

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
});

const podOf = (id: string): Promise<Pod> => node.ask('GET', `/pods/net.${id}`);
const bare = (pod: Pod): string => pod.addresses[0]!.split('/')[0]!;

test('containers are on netkit, with programs as clsact filters until runtimes are quiet; no packet is lost then', async () => {
  const containers = ['a', 'b'].map((id) => ({ id, netns: node.addNamespace(id), config: poolNetwork() }));
  for (const container of containers) {
    const { code, output } = await runPlugin(cniSocketOf(node), 'ADD', container);
    expect(code, JSON.stringify(output)).toBe(0);
  }
  const [a, b] = [await podOf('a'), await podOf('b')];
  expect(a).toMatchObject({ kind: 'netkit', container: { kindReason: 'the kernel has netkit' } });
  const pinging = ping(containers[0]!.netns, bare(b), 300, 20);
  await expect.poll(async () => (await cniStatusOf(node)).misplaced).toBe(0);
  expect(await pinging).toMatchObject({ sent: 300, lost: 0 });
  const moved = await podOf('a');
  expect(moved.hooks).toBe('netkit');
  expect(moved.device?.programs.map(({ hook }) => hook).sort()).toEqual(['netkit/peer', 'netkit/primary']);

  // Like any other pod it can be moved, and its runtime deletes it as before.
  expect(await node.migrate(a.id, 'veth')).toMatchObject({ state: 'done' });
  expect(await ping(containers[0]!.netns, bare(b), 5, 20)).toMatchObject({ lost: 0 });
  for (const container of containers)
    expect((await runPlugin(cniSocketOf(node), 'DEL', container)).code).toBe(0);
  await expectNoContainers(node);
});

test('a container that asks for a MAC gets netkit in layer 2; one that asks for veth gets veth', async () => {
  const asked = {
    id: 'mac',
    netns: node.addNamespace('mac'),
    config: poolNetwork({ runtimeConfig: { mac: '02:00:00:00:00:21' } }),
  };
  const { code, output } = await runPlugin(cniSocketOf(node), 'ADD', asked);
  expect(code, JSON.stringify(output)).toBe(0);
  expect(output.interfaces[1]).toMatchObject({ mac: '02:00:00:00:00:21' });
  expect(await podOf('mac')).toMatchObject({ kind: 'netkit', device: { mode: 'l2' } });
  const annotated = {
    id: 'veth',
    netns: node.addNamespace('veth'),
    config: poolNetwork({
      runtimeConfig: { 'io.kubernetes.cri.pod-annotations': { 'podlane.io/device': 'veth' } },
    }),
  };
  expect((await runPlugin(cniSocketOf(node), 'ADD', annotated)).code).toBe(0);
  const veth = await podOf('veth');
  expect(veth).toMatchObject({ kind: 'veth' });
  expect(await ping(asked.netns, bare(veth), 5, 20)).toMatchObject({ lost: 0 });
  for (const container of [asked, annotated]) await runPlugin(cniSocketOf(node), 'DEL', container);
  await expectNoContainers(node);
});
