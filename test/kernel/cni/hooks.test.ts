import { expect, onTestFinished, test } from 'vitest';
import type { Pod } from '../../../contract/pod.ts';
import {
  cniSocketOf,
  cniStatusOf,
  expectNoContainers,
  poolNetwork,
  runPlugin,
} from '../../testbed/cni-plugin.ts';
import { ping, startTestNode } from '../../testbed/node.ts';

test('programs of containers move to tcx when the runtimes are quiet; packets are counted once and none is lost', async () => {
  const node = await startTestNode();
  onTestFinished(() => node[Symbol.asyncDispose]());
  const containers = ['a', 'b'].map((id) => ({
    id,
    netns: node.addNamespace(id),
    config: poolNetwork({ device: 'veth' }),
  }));
  // Nothing is moved while a runtime calls.
  let calling = true;
  const calls = (async () => {
    while (calling) await runPlugin(cniSocketOf(node), 'STATUS', { config: poolNetwork() });
  })();
  for (const container of containers)
    expect((await runPlugin(cniSocketOf(node), 'ADD', container)).code).toBe(0);
  const podOf = (id: string): Promise<Pod> => node.ask('GET', `/pods/net.${id}`);
  expect((await podOf('a')).hooks).toBe('tc');
  const { addresses } = await podOf('b');
  const [address = ''] = addresses;
  const pinging = ping(containers[0]!.netns, address.split('/')[0]!, 1500, 4);
  calling = false;
  await calls;
  await expect.poll(async () => (await cniStatusOf(node)).misplaced).toBe(0);
  const { sent, lost } = await pinging;
  expect(lost).toBe(0);
  const pod = await podOf('a');
  expect(pod.hooks).toBe('tcx');
  expect(pod.device?.programs.map(({ hook }) => hook).sort()).toEqual(['tcx/egress', 'tcx/ingress']);
  expect(node.run(['tc', 'qdisc', 'show', 'dev', pod.device!.primary.name])).not.toContain('clsact');
  const counted = Number(/podlane_pod_packets_total\{namespace="net",pod="a",direction="egress"\} (\d+)/.exec(await node.metrics())?.[1]);
  expect(counted).toBeGreaterThanOrEqual(sent);
  expect(counted).toBeLessThan(sent + 50);
  for (const container of containers) await runPlugin(cniSocketOf(node), 'DEL', container);
  await expectNoContainers(node);
});
