import { readdirSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { PodDrops } from '../../../contract/drops.ts';
import type { Pod } from '../../../contract/pod.ts';
import { openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { ipv4 } from '../bpf/frames.ts';
import { PacketSocket } from '../bpf/packet-socket.ts';

const soon = { timeout: 20_000, interval: 20 };

test('an agent reports the drops of each pod by Podlane and the kernel, through a migration, until the pod is removed', async () => {
  const node = await startTestNode();
  onTestFinished(() => node[Symbol.asyncDispose]());
  const cart = await node.addPod('cart', ['10.42.0.2/32', 'fd42::2/128'], 'veth');
  const web = await node.addPod('web', ['10.42.0.3/32', 'fd42::3/128'], 'veth');
  const dropsOf = (pod: Pod) => node.ask<PodDrops>('GET', `/pods/${pod.namespace}.${pod.name}/drops`);
  expect(await dropsOf(cart)).toMatchObject({
    since: cart.createdAt,
    ours: [],
    kernel: { available: true, hint: null, lost: 0 },
  });
  const kernelReasons = async (pod: Pod) =>
    Object.fromEntries((await dropsOf(pod)).kernel.reasons.map(({ reason, packets }) => [reason, packets]));

  // Nobody listens on port 9 of cart.
  sendDatagrams(node, web.netns.path, '10.42.0.2', 4);
  await vi.waitFor(async () => expect(await kernelReasons(cart)).toMatchObject({ NO_SOCKET: 4 }), soon);
  expect(await kernelReasons(web)).not.toHaveProperty('NO_SOCKET');

  // The kernel says so of each echo reply, since ping takes it by a raw socket.
  for (const address of ['10.42.0.2', 'fd42::2'])
    node.run(['ping', '-c', '5', '-i', '0.01', address], web.netns.path);
  expect(await kernelReasons(web)).not.toHaveProperty('NO_SOCKET');
  expect(await kernelReasons(cart)).toMatchObject({ NO_SOCKET: 4 });

  // Ours: at tcx/ingress of the primary, so that the kernel frees it there.
  sendSpoofed(cart, 6);
  await vi.waitFor(
    async () =>
      expect((await dropsOf(cart)).ours).toEqual([
        { reason: 'spoofed_source', direction: 'egress', packets: 6 },
      ]),
    soon,
  );
  expect(await kernelReasons(cart)).toMatchObject({ TC_INGRESS: 6 });

  const dropping = setInterval(() => sendDatagrams(node, web.netns.path, '10.42.0.2', 1), 50);
  const migration = await node.migrate('shop.cart', 'veth', true);
  clearInterval(dropping);
  expect(migration).toMatchObject({
    state: 'done',
    result: {
      kernelDrops: expect.arrayContaining([{ reason: 'NO_SOCKET', packets: expect.any(Number) }]),
    },
  });
  const { NO_SOCKET: before = 0 } = await kernelReasons(cart);
  sendDatagrams(node, web.netns.path, '10.42.0.2', 3);
  await vi.waitFor(
    async () => expect(await kernelReasons(cart)).toMatchObject({ NO_SOCKET: before + 3 }),
    soon,
  );
  sendSpoofed(await node.ask<Pod>('GET', '/pods/shop.cart'), 1);
  await vi.waitFor(async () => expect(await kernelReasons(cart)).toMatchObject({ TC_INGRESS: 7 }), soon);
  expect((await dropsOf(cart)).ours).toEqual([{ reason: 'spoofed_source', direction: 'egress', packets: 7 }]);
  expect((await dropsOf(web)).ours).toEqual([]);
  expect(await node.metrics()).toContain(
    `podlane_pod_kernel_dropped_packets_total{namespace="shop",pod="cart",reason="NO_SOCKET"} ${before + 3}`,
  );

  await node.ask('DELETE', '/pods/shop.cart');
  await expect(dropsOf(cart)).rejects.toMatchObject({ code: 'pod_not_found' });
  expect(await node.metrics()).not.toContain('pod="cart",reason="NO_SOCKET"');
  await node.stopAgent();
  expect(readdirSync(node.pins).sort()).toEqual(['links', 'maps', 'programs', 'records']);
});

const sendDatagrams = (node: TestNode, from: string, to: string, count: number): string =>
  node.run(['bash', '--norc', '-c', `for i in $(seq ${count}); do echo x >/dev/udp/${to}/9; done`], from);

/** From the pod, with a source that is not the pod's. */
function sendSpoofed({ netns, device }: Pod, count: number): void {
  using namespace = openNetworkNamespace(netns.path);
  using packets = runInNetworkNamespace(namespace.fd, () => new PacketSocket(device!.peer.ifindex));
  const macs = [device!.primary.mac!, device!.peer.mac!].flatMap((mac) => mac.split(':'));
  const header = Buffer.from([...macs, '08', '00'].map((byte) => Number.parseInt(byte, 16)));
  packets.send(Buffer.concat([header, ipv4({ source: '192.0.2.9' })]), count);
}
