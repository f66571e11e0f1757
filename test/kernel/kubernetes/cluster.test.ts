import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import type { KubernetesStatus } from '../../../contract/kubernetes.ts';
import type { NodeInfo } from '../../../contract/node.ts';
import type { Pod } from '../../../contract/pod.ts';
import type { PodPath } from '../../../contract/pod-path.ts';
import type { ActiveRules, RuleExplanation } from '../../../contract/rules.ts';
import { servedPaths, servedPod, servedPolicy, TestApiServer } from '../../testbed/kubernetes/api-server.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { ConversationEnd } from '../bpf/conversation.ts';

// A real agent with real pods, and an API server that the test has say what it wants. The real one: test/kubernetes.

const apiPort = 6443;
const server = new TestApiServer(apiPort);
const addresses = { cart: '10.42.0.2', web: '10.42.0.3', job: '10.42.0.4' } as const;
type Name = keyof typeof addresses;
const ends: Partial<Record<Name | 'serving', ConversationEnd>> = {};
let node: TestNode;
let folder: string;

const podOf = (name: Name, labels: Record<string, string> = { app: name }) =>
  servedPod(name, {
    labels,
    ip: addresses[name],
    annotations: { note: name },
    ports: name === 'cart' ? [{ name: 'http', containerPort: 8080 }] : [],
  });

/** Lets pods of an app reach the cart, at its port http. */
const toCart = (app: string) =>
  servedPolicy('cart', {
    podSelector: { matchLabels: { app: 'cart' } },
    policyTypes: ['Ingress'],
    ingress: [{ from: [{ podSelector: { matchLabels: { app } } }], ports: [{ port: 'http' }] }],
  });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podlane-kubernetes-'));
  const file = join(folder, 'kubeconfig');
  writeFileSync(file, server.kubeconfig.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${apiPort}`));
  node = await startTestNode(['--kubernetes', file, '--node-name', 'n1']);
  server.put(servedPaths.namespaces, { metadata: { name: 'shop', labels: { team: 'shop' } } });
  for (const name of ['cart', 'web', 'job'] as const) server.put(servedPaths.pods, podOf(name));
}, 120_000);
afterAll(async () => {
  for (const end of Object.values(ends)) end[Symbol.dispose]();
  await node?.[Symbol.asyncDispose]();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const status = () => node.ask<KubernetesStatus>('GET', '/kubernetes');
const reaches = async (name: Name) => (await ends[name]!.ask('tcp', addresses.cart, 8080)) === 'cart';
const reachCart = async () => ({ web: await reaches('web'), job: await reaches('job') });
const explained = async (source: string, port = 8080) =>
  (
    await node.ask<RuleExplanation>('POST', '/rules/explain', {
      source,
      destination: 'shop.cart',
      protocol: 'tcp',
      port,
    })
  ).verdict;
const events = async () => (await node.ask<{ items: AgentEvent[] }>('GET', '/events?limit=100')).items;
/** Milliseconds until a condition holds. */
async function timeUntil(holds: () => Promise<boolean>): Promise<number> {
  const began = performance.now();
  await expect.poll(holds, { interval: 10 }).toBe(true);
  return performance.now() - began;
}

test('A pod waits for an agent that does not know the policies of its cluster yet, and is described by it', async () => {
  expect(await status()).toMatchObject({ configured: true, state: 'connecting', node: 'n1' });
  const attached = node.addPod('cart', `${addresses.cart}/32`, { kind: 'veth', labels: { app: 'asked' } });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await server.listen(node.host);
  expect(await attached).toMatchObject({
    labels: { app: 'cart' },
    annotations: { note: 'cart' },
    ports: [{ name: 'http', protocol: 'tcp', port: 8080 }],
    kubernetes: { uid: server.get(servedPaths.pods, 'shop/cart')!.metadata.uid },
  });
  await expect.poll(async () => (await status()).state).toBe('connected');
  for (const name of ['web', 'job'] as const)
    await node.addPod(name, `${addresses[name]}/32`, { kind: 'veth' });
  expect(await node.ask<Pod>('GET', '/pods/shop.web')).toMatchObject({ labels: { app: 'web' } });
  const byName = async (name: Name) =>
    new ConversationEnd((await node.ask<Pod>('GET', `/pods/shop.${name}`)).netns.path);
  for (const name of ['cart', 'web', 'job'] as const) ends[name] = await byName(name);
  ends.serving = await byName('cart');
  await ends.serving.serve(addresses.cart, 8080, 'cart');
  expect(await reachCart()).toEqual({ web: true, job: true });
});

test('A policy is enforced as it is issued, follows a label within a second, and ends when it is deleted', async () => {
  server.put(servedPaths.policies, toCart('web'));
  await expect.poll(() => explained('shop.job')).toBe('deny');
  expect(await reachCart()).toEqual({ web: true, job: false });
  expect(await explained('shop.web', 9090)).toBe('deny');
  server.put(servedPaths.pods, podOf('job', { app: 'web' }));
  expect(await timeUntil(async () => (await explained('shop.job')) === 'allow')).toBeLessThan(1000);
  expect(await reachCart()).toEqual({ web: true, job: true });
  server.put(servedPaths.pods, podOf('job'));
  await expect.poll(() => explained('shop.job')).toBe('deny');
  server.remove(servedPaths.policies, 'shop/cart');
  expect(await timeUntil(async () => (await explained('shop.job')) === 'allow')).toBeLessThan(1000);
  expect(await reachCart()).toEqual({ web: true, job: true });
  expect((await node.ask<ActiveRules>('GET', '/rules')).rules).toBeNull();
});

test('Pods of other nodes are peers by their addresses, except those that have ended or the address of their node', async () => {
  server.put(servedPaths.policies, toCart('web'));
  await expect.poll(() => explained('shop.job')).toBe('deny');
  const far = (ip: string, more: Partial<Parameters<typeof servedPod>[1]> = {}) =>
    server.put(servedPaths.pods, servedPod('far', { node: 'n2', labels: { app: 'web' }, ip, ...more }));
  far('10.42.1.7');
  await expect.poll(() => explained('10.42.1.7')).toBe('allow');
  far('10.42.1.8');
  await expect.poll(() => explained('10.42.1.8')).toBe('allow');
  expect(await explained('10.42.1.7')).toBe('deny');
  far('10.42.1.8', { phase: 'Succeeded' });
  await expect.poll(() => explained('10.42.1.8')).toBe('deny');
  far('192.0.2.2', { hostNetwork: true });
  server.put(servedPaths.pods, servedPod('near', { labels: { app: 'web' }, ip: '10.42.0.77' }));
  // A pod of this node that others have attached.
  await expect.poll(() => explained('10.42.0.77')).toBe('allow');
  expect(await explained('192.0.2.2')).toBe('deny');
  server.remove(servedPaths.pods, 'shop/far');
  server.remove(servedPaths.pods, 'shop/near');
  await expect.poll(() => explained('10.42.0.77')).toBe('deny');
});

test('Labels of namespaces are followed', async () => {
  server.put(
    servedPaths.policies,
    servedPolicy('cart', {
      podSelector: { matchLabels: { app: 'cart' } },
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'shop' } } }] }],
    }),
  );
  await expect.poll(() => explained('shop.job')).toBe('allow');
  server.put(servedPaths.namespaces, { metadata: { name: 'shop', labels: { team: 'other' } } });
  expect(await timeUntil(async () => (await explained('shop.job')) === 'deny')).toBeLessThan(1000);
  server.put(servedPaths.namespaces, { metadata: { name: 'shop', labels: { team: 'shop' } } });
  await expect.poll(() => explained('shop.job')).toBe('allow');
});

test('What the cluster sets is refused here with a stable code, and the text stands beside its policies', async () => {
  await expect(node.ask('PATCH', '/pods/shop.web', { labels: { app: 'x' } })).rejects.toMatchObject({
    code: 'kubernetes_owned',
  });
  await expect(node.ask('PUT', '/namespaces/shop', { labels: {} })).rejects.toMatchObject({
    code: 'kubernetes_owned',
  });
  server.put(servedPaths.policies, toCart('web'));
  await expect.poll(() => explained('shop.job')).toBe('deny');
  await node.ask('PUT', '/rules', {
    name: 'own',
    rules: [
      {
        name: 'jobs',
        direction: 'ingress',
        subject: { all: true },
        peers: [{ pods: { matchLabels: { app: 'job' } } }],
        action: 'allow',
        priority: 1,
      },
    ],
  });
  expect(await reachCart()).toEqual({ web: true, job: true });
  expect(await node.ask<ActiveRules>('GET', '/rules')).toMatchObject({ ownRules: 1, problem: null });
  await node.ask('DELETE', '/rules');
  expect(await reachCart()).toEqual({ web: true, job: false });
});

test('The outcome of a policy is written to it: an annotation and an event, once', async () => {
  const read = () =>
    JSON.parse(
      server.get(servedPaths.policies, 'shop/cart')!.metadata.annotations?.['podlane.io/status'] ?? '{}',
    ) as object;
  const { generation } = server.get(servedPaths.policies, 'shop/cart')!.metadata;
  await expect.poll(read).toEqual({ generation, state: 'applied', reason: null, node: 'n1' });
  const ofPolicy = () => server.created.filter(({ path }) => path === '/api/v1/namespaces/shop/events');
  await expect.poll(() => ofPolicy().length).toBeGreaterThan(0);
  expect(ofPolicy().at(-1)!.body).toMatchObject({
    reason: 'PolicyApplied',
    type: 'Normal',
    involvedObject: { kind: 'NetworkPolicy', name: 'cart', namespace: 'shop' },
  });
  const written = server.requests.filter((request) => request.startsWith('PATCH')).length;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(server.requests.filter((request) => request.startsWith('PATCH'))).toHaveLength(written);
});

test('A policy that is not understood is refused with its reason, and stays as it was', async () => {
  const issued = toCart('job');
  server.put(servedPaths.policies, { ...issued, spec: { ...(issued.spec as object), priority: 1 } });
  await expect
    .poll(async () => (await status()).policies)
    .toMatchObject({
      refused: 1,
      items: [
        {
          namespace: 'shop',
          name: 'cart',
          state: 'refused',
          reason: expect.stringContaining('spec.priority'),
        },
      ],
    });
  expect(await reachCart()).toEqual({ web: true, job: false });
  await expect
    .poll(() => server.created.at(-1)!.body)
    .toMatchObject({
      reason: 'PolicyRefused',
      type: 'Warning',
      message: expect.stringContaining('spec.priority'),
    });
  await expect
    .poll(() => server.get(servedPaths.policies, 'shop/cart')!.metadata.annotations!['podlane.io/status'])
    .toContain('"state":"refused"');
  expect((await node.ask<NodeInfo>('GET', '/node')).conditions).toMatchObject([
    { reason: 'policy_refused', message: expect.stringContaining('shop/cart') },
  ]);
  expect((await events()).map(({ type }) => type)).toContain('policies.refused');
  server.put(servedPaths.policies, toCart('web'));
  await expect.poll(async () => (await status()).policies).toMatchObject({ refused: 0, applied: 1 });
  expect((await node.ask<NodeInfo>('GET', '/node')).conditions).toEqual([]);
});

test('While the API server is away all stays, over a crash of the agent too; then it catches up', async () => {
  await server.stop();
  await expect.poll(async () => (await status()).state, { timeout: 30_000 }).toBe('disconnected');
  expect((await node.ask<NodeInfo>('GET', '/node')).conditions).toMatchObject([
    { reason: 'kubernetes_unreachable', message: expect.stringContaining('127.0.0.1') },
  ]);
  expect(await reachCart()).toEqual({ web: true, job: false });
  // What is known is stored within seconds, and when the agent ends.
  await node.stopAgent();
  expect(await reachCart()).toEqual({ web: true, job: false });
  await node.startAgent();
  expect(await status()).toMatchObject({ state: 'connecting' });
  expect(await node.ask<ActiveRules>('GET', '/rules')).toMatchObject({ problem: null });
  expect(await reachCart()).toEqual({ web: true, job: false });
  await node.killAgent();
  await node.startAgent();
  expect(await reachCart()).toEqual({ web: true, job: false });
  // Changed while nobody watched.
  server.put(servedPaths.pods, podOf('job', { app: 'web' }));
  server.put(servedPaths.pods, podOf('web', { app: 'other' }));
  server.expireHistory();
  await server.listen(node.host);
  await expect.poll(async () => (await status()).state, { timeout: 60_000 }).toBe('connected');
  await expect.poll(reachCart).toEqual({ web: false, job: true });
  expect(await node.ask<Pod>('GET', '/pods/shop.web')).toMatchObject({ labels: { app: 'other' } });
  server.put(servedPaths.pods, podOf('job'));
  server.put(servedPaths.pods, podOf('web'));
  await expect.poll(reachCart).toEqual({ web: true, job: false });
}, 180_000);

test('A forbidden write back is said, and rules apply all the same', async () => {
  server.intercept = (method) => (method === 'PATCH' || method === 'POST' ? { status: 403 } : null);
  server.put(servedPaths.policies, toCart('job'));
  await expect.poll(reachCart).toEqual({ web: false, job: true });
  await expect.poll(async () => (await status()).statusWrites).toMatchObject({ state: 'forbidden' });
  server.intercept = () => null;
});

test('Connections through a service are shown by its name, with the pod behind it', async () => {
  server.put(servedPaths.services, {
    metadata: { name: 'cart', namespace: 'shop' },
    spec: { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'], ports: [{ port: 80 }] },
  });
  server.put(servedPaths.slices, {
    metadata: { name: 'cart-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'cart' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [addresses.cart], targetRef: { kind: 'Pod', name: 'cart' } }],
  });
  node.run(['nft', 'add table ip shop; add chain ip shop pre { type nat hook prerouting priority -100; }']);
  node.run(['nft', `add rule ip shop pre ip daddr 10.96.0.2 tcp dport 80 dnat to ${addresses.cart}:8080`]);
  await expect.poll(() => ends.job!.ask('tcp', '10.96.0.2', 80)).toBe('cart');
  await expect
    .poll(async () => (await node.ask<PodPath>('GET', '/pods/shop.job/path')).services)
    .toMatchObject([
      {
        namespace: 'shop',
        name: 'cart',
        address: '10.96.0.2',
        port: 80,
        protocol: 'tcp',
        backends: [{ address: addresses.cart, port: 8080, pod: 'shop/cart' }],
      },
    ]);
});

test('Metrics tell the state of the watches', async () => {
  const text = await node.metrics();
  expect(text).toContain('podlane_kubernetes_connected 1');
  expect(text).toContain('podlane_kubernetes_objects{resource="node pods"} 3');
  expect(text).toContain('podlane_kubernetes_policies{state="applied"} 1');
  expect(text).toMatch(/podlane_kubernetes_watch_restarts_total\{resource="namespaces"\} \d/);
});
