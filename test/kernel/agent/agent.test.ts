import { statSync, writeFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { AgentProcess, podCounts, TestHost } from './agent-fixture.ts';

const soon = { timeout: 20_000, interval: 20 };

test('attached pods reach each other and are reported as the kernel has them', async () => {
  const host = new TestHost();
  const agent = await new AgentProcess(host).ready();
  expect(statSync(host.socket).mode & 0o777).toBe(0o660);
  const cart = await agent.attach('cart', 33);
  const web = await agent.attach('web', 34);
  expect(await host.ping(cart.path, '10.42.0.34', 10)).toBe(10);

  const { body: list } = await agent.call('GET', '/pods');
  expect(list.items.map(({ name }: { name: string }) => name)).toEqual(['web', 'cart']);
  const { body: pod } = await agent.call('GET', '/pods/shop.cart');
  const [primary] = JSON.parse(host.in(host.netns, 'ip', '-j', 'link', 'show', pod.primary.name));
  const [peer] = JSON.parse(host.in(cart.path, 'ip', '-j', 'link', 'show', 'eth0'));
  expect(pod.device).toMatchObject({
    kind: 'veth',
    primary: { name: primary.ifname, ifindex: primary.ifindex, mtu: primary.mtu, mac: primary.address },
    peer: { name: 'eth0', ifindex: peer.ifindex, mtu: peer.mtu, mac: peer.address, up: true },
  });
  expect(pod.device.programs.map(({ hook }: { hook: string }) => hook).sort()).toEqual([
    'tcx/egress',
    'tcx/ingress',
  ]);
  const { body: path } = await agent.call('GET', '/pods/shop.cart/path');
  expect(path.hops.map(({ type }: { type: string }) => type).slice(0, 3)).toEqual([
    'container',
    'device',
    'host',
  ]);

  expect((await agent.call('DELETE', '/pods/shop.cart')).status).toBe(204);
  expect((await agent.call('GET', '/pods/shop.cart')).body).toMatchObject({ code: 'pod_not_found' });
  expect(host.hasDevice(pod.primary.name)).toBe(false);
  expect(await host.ping(host.netns, '10.42.0.34', 1)).toBe(1);
  const { body: events } = await agent.call('GET', '/events');
  expect(events.items.map(({ type }: { type: string }) => type)).toEqual([
    'pod.detached',
    'pod.attached',
    'pod.attached',
    'agent.started',
  ]);
  expect(events.items[0].podId).toBe(cart.id);
  expect(web.addresses).toEqual(['10.42.0.34/32']);
});

test('the node reports its kernel and the kernel’s capabilities', async () => {
  const agent = await new AgentProcess(new TestHost(), '--lab').ready();
  const { body: node } = await agent.call('GET', '/node');
  expect(node).toMatchObject({ environment: 'native', lab: true, slots: { used: 0, max: 64 } });
  const capabilities = new Map(node.capabilities.map((one: { name: string }) => [one.name, one]));
  expect(capabilities.get('tcx')).toMatchObject({ available: true });
  expect(node.versions.libbpf).toMatch(/^\d+\.\d+/);
  expect((await agent.call('PUT', '/lab/traffic', { pods: {} })).status).toBe(204);
});

test('over TCP the agent accepts only requests with the token', async () => {
  const host = new TestHost();
  const tokenFile = `${host.folder}/token`;
  writeFileSync(tokenFile, '0123456789abcdef\n');
  const flags = ['--listen', '127.0.0.1:0', '--token-file', tokenFile];
  const agent = await new AgentProcess(host, ...flags).ready();
  const [, port] = /and 127\.0\.0\.1:(\d+)/.exec(agent.stderr)!;
  const script = `
    const ask = async (headers) => (await fetch('http://127.0.0.1:${port}/api/v1/node', { headers })).status;
    const join = (headers) => new Promise((resolve) =>
      new (require('ws'))('ws://127.0.0.1:${port}/api/v1/stream', { headers })
        .on('message', (text) => { resolve(JSON.parse(text).type) })
        .on('error', (error) => resolve(error.message)));
    const token = { authorization: 'Bearer 0123456789abcdef' };
    Promise.all([ask({}), ask(token), join({}), join(token)]).then((all) => {
      console.log(JSON.stringify(all));
      process.exit();
    });`;
  const results = JSON.parse(host.in(host.netns, process.execPath, '-e', script));
  expect(results).toEqual([401, 200, 'Unexpected server response: 401', 'hello']);
});

test('the stream counts every packet, and sends ten frames per second of a watched pod', async () => {
  const host = new TestHost();
  const agent = await new AgentProcess(host).ready();
  const cart = await agent.attach('cart', 33);
  const web = await agent.attach('web', 34);
  const listener = await agent.stream('samples', 'node', 'pods', 'events');
  listener.say({ id: 9, type: 'subscribe', topic: 'pod', pod: 'shop.cart', hz: 10 });
  const all = () => listener.frames.filter(({ kind }) => kind === 1);
  await vi.waitFor(() => expect(podCounts(all().at(-1), web)).toBeDefined(), soon);
  const before = podCounts(all().at(-1), cart)!;

  expect(await host.ping(cart.path, '10.42.0.34', 100)).toBe(100);
  // An echo request is 84 bytes of network packet: 20 of IPv4, 8 of ICMP, 56 of payload.
  await vi.waitFor(
    () =>
      expect(podCounts(all().at(-1), cart)).toMatchObject({
        egressPackets: before.egressPackets + 100,
        ingressPackets: before.ingressPackets + 100,
        egressBytes: before.egressBytes + 8400,
        kind: 1,
        slot: cart.slot,
      }),
    soon,
  );
  const watched = listener.frames.filter(({ kind }) => kind === 2);
  expect(watched.every(({ rows }) => rows === 1)).toBe(true);
  const seconds = Number(watched.at(-1)!.monotonicNs - watched[0]!.monotonicNs) / 1e9;
  expect((watched.length - 1) / seconds).toBeGreaterThan(8);
  expect(podCounts(watched.at(-1), cart)).toMatchObject({ egressPackets: before.egressPackets + 100 });
  const sample = listener.messages.find(({ type }) => type === 'node');
  expect(sample).toMatchObject({
    sample: { cpus: expect.any(Array), agent: { residentBytes: expect.any(Number) } },
  });

  listener.say({ id: 10, type: 'unsubscribe', topic: 'pod', pod: cart.id });
  await agent.call('DELETE', '/pods/shop.cart');
  await vi.waitFor(
    () => expect(listener.messages).toContainEqual({ type: 'pod-removed', id: cart.id }),
    soon,
  );
});

test('a migration is reported step by step without losing a ping, and an impossible one is refused with the reason', async () => {
  const host = new TestHost();
  const agent = await new AgentProcess(host).ready();
  const cart = await agent.attach('cart', 33);
  const web = await agent.attach('web', 34);
  const listener = await agent.stream('samples', 'migrations', 'pods');
  const refused = await agent.call('POST', '/pods/shop.cart/migrations', { to: 'veth' });
  expect(refused).toMatchObject({ status: 409, body: { code: 'already_on_kind' } });
  const wanted = { to: 'veth', recreate: true };
  const plan = await agent.call('POST', '/pods/shop.cart/migrations', { ...wanted, dryRun: true });
  expect(plan).toMatchObject({ status: 200, body: { allowed: true, podId: cart.id } });

  const pings = host.ping(web.path, '10.42.0.33', 150);
  const started = await agent.call('POST', '/pods/shop.cart/migrations', wanted);
  expect(started).toMatchObject({ status: 202, body: { state: 'running', actor: 'local' } });
  await vi.waitFor(() => expect(listener.migrations().at(-1)?.state).toBe('done'), soon);
  expect(await pings).toBe(150);
  const { body: ended } = await agent.call('GET', started.location!.replace('/api/v1', ''));
  expect(ended).toMatchObject({ state: 'done', podName: 'cart', error: null });
  expect(ended.steps.every(({ state }: { state: string }) => state === 'done')).toBe(true);
  const { body: after } = await agent.call('GET', '/pods/shop.cart');
  expect(after.slot).toBe(ended.to.slot);
  expect(after.primary.name).toBe(cart.primary.name);
  await vi.waitFor(
    () => expect(podCounts(listener.frames.at(-1), cart)?.ingressPackets).toBeGreaterThanOrEqual(150),
    soon,
  );
});
