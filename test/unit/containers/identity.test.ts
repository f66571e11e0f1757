import { describe, expect, test } from 'vitest';
import { parseCniConfig } from '../../../contract/cni-config.ts';
import type { DevicePolicy } from '../../../contract/device-policy.ts';
import { chooseContainerKind } from '../../../server/datapath/containers/choose-kind.ts';
import type { ContainerCall } from '../../../server/datapath/containers/cni-call.ts';
import {
  boundAnnotations,
  chooseFreeName,
  readContainerMetadata,
} from '../../../server/datapath/containers/container-identity.ts';
import type { PodRegistry } from '../../../server/datapath/pod-registry.ts';

const callOf = (containerId: string, args: Record<string, string> = {}): ContainerCall => ({
  containerId,
  args,
  interface: 'eth0',
  netns: '/n',
  environment: {},
  config: '{}',
  request: null,
});
const configOf = (more: object = {}) =>
  parseCniConfig(JSON.stringify({ cniVersion: '1.1.0', name: 'My_Net.1', ...more }));
const nobody = async () => null;

test('a container without a pod is named by its id, in a namespace with the network’s name', async () => {
  expect(await readContainerMetadata(callOf('Ab_9-'), configOf(), nobody)).toMatchObject({
    namespace: 'my-net-1',
    name: 'ab-9',
    uid: null,
    runtimeClass: null,
    description: null,
  });
  expect((await readContainerMetadata(callOf('x'.repeat(300)), configOf(), nobody)).name).toHaveLength(253);
});

test('the cluster knows a pod better than its runtime', async () => {
  const description = {
    uid: 'u-1',
    labels: { app: 'cart', tier: 'edge' },
    annotations: { 'podlane.io/device': 'veth' },
    ports: [],
    runtimeClass: 'gvisor',
  };
  const asked: unknown[] = [];
  const config = configOf({
    args: { cni: { labels: [{ key: 'app', value: 'old' }, { key: 'x', value: 'y'.repeat(64) }] } },
    runtimeConfig: { 'io.kubernetes.cri.pod-annotations': { 'podlane.io/device': 'netkit', note: 'n' } },
  });
  const args = { K8S_POD_NAMESPACE: 'shop', K8S_POD_NAME: 'cart', K8S_POD_UID: 'u-1' };
  const found = await readContainerMetadata(callOf('c', args), config, async (...all) => {
    asked.push(all);
    return description;
  });
  expect(asked).toEqual([['shop', 'cart', 'u-1']]);
  expect(found).toEqual({
    namespace: 'shop',
    name: 'cart',
    uid: 'u-1',
    labels: { app: 'cart', tier: 'edge' },
    annotations: { 'podlane.io/device': 'veth', note: 'n' },
    runtimeClass: 'gvisor',
    description,
  });
});

test('annotations are bounded', () => {
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`a${n}`, 'v']));
  expect(Object.keys(boundAnnotations(many))).toHaveLength(32);
  expect(boundAnnotations({ short: 'v', long: 'v'.repeat(300) })).toEqual({ short: 'v' });
});

test('a second sandbox of a pod gets a name of its own', () => {
  const names = new Set<string>();
  const registry = { get: (name: string) => (names.has(name) ? {} : undefined) } as unknown as PodRegistry;
  const choose = (): string => {
    const name = chooseFreeName(registry, 'shop', 'cart', 'ABCDEF0123456789');
    names.add(`shop.${name}`);
    return name;
  };
  expect([choose(), choose(), choose()]).toEqual(['cart', 'cart-abcdef012345', 'cart-abcdef012345-2']);
});

describe('the kind of a device', () => {
  const available = { available: true, detail: '' };
  const missing = { available: false, detail: 'its module is missing' };
  const identity = { namespace: 'shop', labels: { tier: 'edge' }, annotations: {}, runtimeClass: 'gvisor', configured: null };
  const none: DevicePolicy = { default: null, rules: [] };

  test('is netkit where the kernel has it, by default', () => {
    expect(chooseContainerKind(none, identity, available)).toMatchObject({ kind: 'netkit', fallback: false });
    expect(chooseContainerKind(none, identity, missing)).toEqual({
      kind: 'veth',
      reason: 'the kernel has no netkit: its module is missing',
      fallback: false,
    });
  });

  test('falls back to veth with the reason', () => {
    expect(chooseContainerKind({ default: 'netkit', rules: [] }, identity, missing)).toEqual({
      kind: 'veth',
      reason: 'the node’s default is netkit, but the kernel has no netkit: its module is missing',
      fallback: true,
    });
  });

  test('is that of the first rule that selects the pod by all it names', () => {
    const policy: DevicePolicy = {
      default: 'netkit',
      rules: [
        { namespace: 'other', kind: 'netkit' },
        { namespace: 'shop', labels: { tier: 'edge', app: 'x' }, kind: 'netkit' },
        { namespace: 'shop', labels: { tier: 'edge' }, runtimeClass: 'gvisor', kind: 'veth' },
        { kind: 'netkit' },
      ],
    };
    expect(chooseContainerKind(policy, { ...identity, configured: 'netkit' }, available)).toEqual({
      kind: 'veth',
      reason: 'the node’s policy for namespace shop, label tier=edge, runtime class gvisor is veth',
      fallback: false,
    });
    expect(chooseContainerKind(policy, { ...identity, labels: {} }, available)).toMatchObject({
      kind: 'netkit',
      reason: 'the node’s policy for all pods is netkit',
    });
  });
});
