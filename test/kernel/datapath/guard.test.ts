import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { NodeGuard, PodGuard } from '../../../contract/guard.ts';
import { EchoSocket } from '../../../server/datapath/echo/icmp-socket.ts';
import { openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
let podPath: string;
const addresses = ['10.42.0.2/32', 'fd00:42::2/128'];

beforeAll(async () => {
  node = await startTestNode();
  // What the host asks from: a node has addresses, this one is bare.
  node.run(['ip', 'address', 'add', '192.0.2.1/32', 'dev', 'lo']);
  node.run(['ip', 'address', 'add', '2001:db8::1/128', 'dev', 'lo']);
  podPath = (await node.addPod('cart', addresses, 'veth')).netns.path;
});
afterAll(() => node?.[Symbol.asyncDispose]());

function openEcho(family: 'ipv4' | 'ipv6'): EchoSocket {
  using host = openNetworkNamespace(node.host);
  return runInNetworkNamespace(host.fd, () => EchoSocket.open(family));
}

describe('an ICMP echo from the host', () => {
  test.each([
    ['ipv4', '10.42.0.2', '192.0.2.1'],
    ['ipv6', 'fd00:42::2', '2001:db8::1'],
  ] as const)(
    'over %s is answered by the pod, and not when its answers are lost',
    async (family, pod, host) => {
      using echo = openEcho(family);
      const version = family === 'ipv4' ? '-4' : '-6';
      expect(await echo.probe(pod, 1000)).toEqual({ ms: expect.any(Number) });
      node.run(['ip', version, 'route', 'add', 'blackhole', host], podPath);
      expect(await echo.probe(pod, 100)).toEqual({ why: 'no answer within 100 ms' });
      node.run(['ip', version, 'route', 'delete', 'blackhole', host], podPath);
      expect(await echo.probe(pod, 1000)).toEqual({ ms: expect.any(Number) });
    },
  );

  test('without a route fails at once', async () => {
    using echo = openEcho('ipv4');
    expect(await echo.probe('198.51.100.7', 1000)).toEqual({
      why: 'send failed: Network is unreachable',
    });
  });

  test('matches its own reply among those of other sockets and many in flight', async () => {
    using one = openEcho('ipv4');
    using other = openEcho('ipv4');
    const asked = Array.from({ length: 200 }, (_, i) => (i % 2 ? one : other).probe('10.42.0.2', 2000));
    for (const outcome of await Promise.all(asked)) expect(outcome).toHaveProperty('ms');
  });

  test('counts as answered although the event loop was blocked when the reply came', async () => {
    using echo = openEcho('ipv4');
    const asked = echo.probe('10.42.0.2', 50);
    const until = performance.now() + 100;
    while (performance.now() < until);
    expect(await asked).toHaveProperty('ms');
  });

  test('leaves the event loop free, and closing the socket ends those in flight', async () => {
    const echo = openEcho('ipv4');
    let turns = 0;
    const turning = setInterval(() => turns++, 5);
    node.run(['ip', 'route', 'add', 'blackhole', '192.0.2.1'], podPath);
    await Promise.all(Array.from({ length: 50 }, () => echo.probe('10.42.0.2', 200)));
    clearInterval(turning);
    expect(turns).toBeGreaterThan(20);
    const waiting = echo.probe('10.42.0.2', 60_000);
    echo.close();
    expect(await waiting).toEqual({ why: 'the probes are closed' });
    node.run(['ip', 'route', 'delete', 'blackhole', '192.0.2.1'], podPath);
  });
});

test('a refused connection answers a TCP probe, silence does not', () => {
  const module = new URL('../../../server/datapath/guard/tcp-probe.ts', import.meta.url).href;
  const probe = (address: string): unknown =>
    JSON.parse(
      node.run([
        ...[process.execPath, '--input-type=module', '--eval'],
        `import { probeTcp } from ${JSON.stringify(module)};
         console.log(JSON.stringify(await probeTcp(${JSON.stringify(address)}, 9, 300, new AbortController().signal)));`,
      ]),
    );
  for (const address of ['10.42.0.2', 'fd00:42::2'])
    expect(probe(address)).toEqual({ ms: expect.any(Number) });
  node.run(['ip', 'route', 'add', 'blackhole', '192.0.2.1'], podPath);
  expect(probe('10.42.0.2')).toEqual({ why: 'no answer within 300 ms' });
  node.run(['ip', 'route', 'delete', 'blackhole', '192.0.2.1'], podPath);
  expect(probe('198.51.100.7')).toEqual({ why: 'it cannot connect: ENETUNREACH' });
});

test('a pod on veth is not watched: the guard would move it there', async () => {
  const guard = await node.ask<PodGuard>('GET', '/pods/shop.cart/guard');
  expect(guard).toMatchObject({ stage: 'watching', watched: false, readings: [], actions: [] });
  expect(guard.status).toBe('The guard watches pods on netkit; this one is on veth.');
});

test('choices survive a restart and are deleted with their pod', async () => {
  await node.ask('PUT', '/node/guard', { repairs: 7 });
  await node.ask('PUT', '/pods/shop.cart/guard', { on: false });
  await node.stopAgent();
  await node.startAgent();
  expect(await node.ask<NodeGuard>('GET', '/node/guard')).toMatchObject({
    chosen: { repairs: 7 },
    pods: { watched: 0, chosen: 1 },
  });
  expect((await node.ask<PodGuard>('GET', '/pods/shop.cart/guard')).thresholds).toMatchObject({
    repairs: 7,
    on: false,
  });
  const messages = async () =>
    (await node.ask<{ items: { type: string; message: string }[] }>('GET', '/events')).items
      .filter(({ type }) => type === 'guard.changed')
      .map(({ message }) => message);
  expect(await messages()).toEqual([
    'local set the guard of shop/cart: on false',
    'local set the guard of the node: repairs 7',
  ]);
  await node.ask('DELETE', '/pods/shop.cart');
  await vi.waitFor(async () => expect((await node.ask<NodeGuard>('GET', '/node/guard')).pods.chosen).toBe(0));
});
