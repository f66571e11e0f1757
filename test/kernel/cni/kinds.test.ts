import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import type { Pod } from '../../../contract/pod.ts';
import {
  cniSocketOf,
  cniStatusOf,
  expectNoContainers,
  poolNetwork,
  runPlugin,
} from '../../testbed/cni-plugin.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode(['--without', 'netkit']);
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
});

let serial = 0;
/** Adds a container, and removes it. @returns its pod as it was */
async function addContainer(more: object, args?: string): Promise<Pod> {
  const id = `k${serial++}`;
  const netns = node.addNamespace(id);
  const call = { id, netns, config: poolNetwork(more), ...(args && { args }) };
  const answer = await runPlugin(cniSocketOf(node), 'ADD', call);
  expect(answer.code, JSON.stringify(answer.output)).toBe(0);
  const { items } = await node.ask<{ items: Pod[] }>('GET', '/pods?limit=500');
  const pod = await node.ask<Pod>('GET', `/pods/${items[0]!.id}`);
  await runPlugin(cniSocketOf(node), 'DEL', call);
  node.removeNamespace(id);
  return pod;
}

const annotated = (device: string) => ({
  runtimeConfig: { 'io.kubernetes.cri.pod-annotations': { 'podlane.io/device': device } },
});

test('netkit that the kernel has not got becomes veth, with the reason and an event', async () => {
  const pod = await addContainer(annotated('netkit'));
  expect(pod).toMatchObject({
    kind: 'veth',
    container: {
      kindReason: expect.stringMatching(
        /^the annotation podlane\.io\/device asks for netkit, but the kernel has no netkit: ./,
      ),
    },
  });
  await expect
    .poll(async () => (await node.ask<{ items: AgentEvent[] }>('GET', '/events')).items)
    .toContainEqual(
      expect.objectContaining({
        type: 'cni.fallback',
        severity: 'warning',
        message: expect.stringContaining('got veth: the annotation podlane.io/device asks for netkit, but'),
      }),
    );
  await expectNoContainers(node);
});

test('the policy persists and is applied in its order: annotation, rule, network, node', async () => {
  const policy = {
    default: 'veth',
    rules: [
      { namespace: 'shop', kind: 'veth' },
      { labels: { tier: 'edge' }, kind: 'veth' },
      { runtimeClass: 'gvisor', kind: 'veth' },
    ],
  };
  await node.ask('PUT', '/cni/policy', policy);
  await node.stopAgent();
  await node.startAgent();
  expect((await cniStatusOf(node)).policy).toEqual(policy);
  const reasonOf = async (more: object, args?: string) =>
    (await addContainer(more, args)).container?.kindReason;
  expect(await reasonOf({})).toBe('the node’s default is veth');
  expect(await reasonOf({ device: 'veth' })).toBe('the network’s configuration asks for veth');
  expect(await reasonOf({ args: { cni: { labels: [{ key: 'tier', value: 'edge' }] } } })).toBe(
    'the node’s policy for label tier=edge is veth',
  );
  expect(await reasonOf({}, 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart')).toBe(
    'the node’s policy for namespace shop is veth',
  );
  expect(
    await reasonOf({
      runtimeConfig: { 'io.kubernetes.cri.pod-annotations': { 'podlane.io/runtime-class': 'gvisor' } },
    }),
  ).toBe('the node’s policy for runtime class gvisor is veth');
  expect(await reasonOf(annotated('veth'), 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart')).toBe(
    'the annotation podlane.io/device asks for veth',
  );
  // What is no kind is not obeyed.
  expect(await reasonOf(annotated('tap'))).toBe('the node’s default is veth');
  await expect(node.ask('PUT', '/cni/policy', { default: 'tap', rules: [] })).rejects.toMatchObject({
    code: 'bad_request',
  });
  await expectNoContainers(node);
});
