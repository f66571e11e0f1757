import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pod } from '../../../contract/pod.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

const far = { ipv4: '192.0.2.9', ipv6: '2001:db8::9' } as const;
const mtu = 1300;
let node: TestNode;
let pod: Pod;

beforeAll(async () => {
  node = await startTestNode();
  pod = await node.addPod('cart', ['10.42.0.2/32', 'fd42::2/128'], 'veth');
  // The host is the router whose next link takes smaller packets.
  node.run(['ip', 'link', 'add', 'far', 'type', 'veth', 'peer', 'name', 'farther']);
  for (const name of ['far', 'farther']) node.run(['ip', 'link', 'set', name, 'up', 'mtu', String(mtu)]);
  node.run(['ip', 'address', 'add', '198.51.100.1/32', 'dev', 'far']);
  node.run(['ip', 'address', 'add', '2001:db8:1::1/128', 'dev', 'far', 'nodad']);
  node.run(['ip', 'route', 'add', far.ipv4, 'dev', 'far']);
  node.run(['ip', 'route', 'add', far.ipv6, 'dev', 'far']);
}, 240_000);
afterAll(() => node?.[Symbol.asyncDispose]());

const inPod = (...command: string[]): string => node.run(command, pod.netns.path);

test('path MTUs that the pod learned are known on its new device', async () => {
  for (const address of Object.values(far))
    inPod('sh', '-c', `ping -c 2 -i 0.2 -W 1 -M do -s 1400 ${address} >/dev/null 2>&1 || true`);
  const known = (): (string | undefined)[] =>
    Object.values(far).map((address) => /mtu \d+/.exec(inPod('ip', 'route', 'get', address))?.[0]);
  expect(known()).toEqual([`mtu ${mtu}`, `mtu ${mtu}`]);
  expect(await node.migrate('shop.cart', 'veth', true)).toMatchObject({ state: 'done', error: null });
  expect(known()).toEqual([`mtu ${mtu}`, `mtu ${mtu}`]);
});
