import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pod } from '../../../contract/pod.ts';
import type { ActiveRules, RulesPlan } from '../../../contract/rules.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { ConversationEnd } from '../bpf/conversation.ts';

// What rules read of pods and namespaces can change while they run.

const addresses = { cart: '10.42.0.2', web: '10.42.0.3', job: '10.42.0.4' } as const;
type Name = keyof typeof addresses;
let node: TestNode;
const ends: Partial<Record<Name | 'serving', ConversationEnd>> = {};

beforeAll(async () => {
  node = await startTestNode();
  const netns: Partial<Record<Name, string>> = {};
  for (const [name, address] of Object.entries(addresses)) {
    const pod = await node.addPod(name, `${address}/32`, {
      kind: 'veth',
      labels: { app: name },
      ...(name === 'cart' ? { ports: [{ name: 'http', port: 8080 }], annotations: { note: 'shop' } } : {}),
    });
    netns[name as Name] = pod.netns.path;
    ends[name as Name] = new ConversationEnd(pod.netns.path);
  }
  ends.serving = new ConversationEnd(netns.cart!);
  for (const port of [8080, 9090]) {
    await ends.serving.serve(addresses.cart, port, 'cart');
  }
}, 240_000);
afterAll(async () => {
  for (const end of Object.values(ends)) end[Symbol.dispose]();
  await node?.[Symbol.asyncDispose]();
});

const reaches = async (name: Name, port = 8080) =>
  (await ends[name]!.ask('tcp', addresses.cart, port)) === 'cart';
const change = (name: Name, body: object) => node.ask<Pod>('PATCH', `/pods/shop.${name}`, body);
const policy = (direction: 'ingress' | 'egress', of: Name, rule: object) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: of, namespace: 'shop' },
  spec: {
    podSelector: { matchLabels: { app: of } },
    policyTypes: [direction === 'ingress' ? 'Ingress' : 'Egress'],
    [direction]: [rule],
  },
});

test('A named port is that of the pod that receives the packet, and follows it', async () => {
  expect(await node.ask<Pod>('GET', '/pods/shop.cart')).toMatchObject({
    annotations: { note: 'shop' },
    ports: [{ name: 'http', protocol: 'tcp', port: 8080 }],
    kubernetes: null,
  });
  for (const direction of ['ingress', 'egress'] as const) {
    await change('cart', { ports: [{ name: 'http', port: 8080 }] });
    await node.ask(
      'PUT',
      '/rules',
      policy(direction, direction === 'ingress' ? 'cart' : 'web', { ports: [{ port: 'http' }] }),
    );
    expect([await reaches('web', 8080), await reaches('web', 9090)]).toEqual([true, false]);
    await change('cart', { ports: [{ name: 'http', port: 9090 }] });
    await expect.poll(() => reaches('web', 9090)).toBe(true);
    expect(await reaches('web', 8080)).toBe(false);
    // Of another protocol it is another port.
    await change('cart', { ports: [{ name: 'http', protocol: 'udp', port: 9090 }] });
    await expect.poll(() => reaches('web', 9090)).toBe(false);
  }
});

test('A port that no pod has is warned of', async () => {
  const plan = await node.ask<RulesPlan>(
    'PUT',
    '/rules?dryRun=true',
    policy('ingress', 'cart', { ports: [{ port: 'admin' }] }),
  );
  expect(plan.warnings).toMatchObject([{ message: 'matches no packet: no pod has a port of the name' }]);
});

test('Labels of a running pod count from when they change, and outlive the agent', async () => {
  await node.ask(
    'PUT',
    '/rules',
    policy('ingress', 'cart', { from: [{ podSelector: { matchLabels: { role: 'client' } } }] }),
  );
  expect([await reaches('web'), await reaches('job')]).toEqual([false, false]);
  await change('job', { labels: { app: 'job', role: 'client' } });
  await expect.poll(() => reaches('job')).toBe(true);
  expect(await reaches('web')).toBe(false);
  await node.killAgent();
  await node.startAgent();
  expect([await reaches('web'), await reaches('job')]).toEqual([false, true]);
  expect(await node.ask<Pod>('GET', '/pods/shop.job')).toMatchObject({ labels: { role: 'client' } });
  await change('job', { labels: { app: 'job' } });
  await expect.poll(() => reaches('job')).toBe(false);
});

test('Labels of a namespace count once they are set, and are forgotten', async () => {
  await node.ask(
    'PUT',
    '/rules',
    policy('ingress', 'cart', { from: [{ namespaceSelector: { matchLabels: { team: 'shop' } } }] }),
  );
  expect(await reaches('web')).toBe(false);
  await node.ask('PUT', '/namespaces/shop', { labels: { team: 'shop' } });
  expect(await reaches('web')).toBe(true);
  expect(await node.ask('GET', '/namespaces')).toEqual({
    items: [{ name: 'shop', labels: { team: 'shop' }, source: 'api' }],
  });
  await node.ask('PUT', '/namespaces/shop', { labels: {} });
  expect(await reaches('web')).toBe(false);
  expect(await node.ask<ActiveRules>('GET', '/rules')).toMatchObject({ problem: null });
});

test('A change that is not one, or not valid, is refused and changes nothing', async () => {
  for (const body of [
    {},
    { labels: { x: 1 } },
    { ports: [{ name: 'Not A Port', port: 1 }] },
    { kind: 'veth' },
  ])
    await expect(change('web', body)).rejects.toMatchObject({ code: 'bad_request' });
  await expect(node.ask('PATCH', '/pods/shop.nobody', { labels: {} })).rejects.toMatchObject({
    code: 'pod_not_found',
  });
  await expect(node.ask('PUT', '/namespaces/Not', { labels: {} })).rejects.toMatchObject({
    code: 'bad_request',
  });
  expect(await node.ask<Pod>('GET', '/pods/shop.web')).toMatchObject({ labels: { app: 'web' }, ports: [] });
});
