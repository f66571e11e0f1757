import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Migration } from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import { openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { ping, startTestNode, type TestNode } from '../../testbed/node.ts';
import { ethernetToPod, ipv4 } from '../bpf/frames.ts';
import { PacketSocket } from '../bpf/packet-socket.ts';

let node: TestNode;
let quiet: Pod;
beforeAll(async () => {
  node = await startTestNode();
  quiet = await node.addPod('quiet', '10.42.0.2/32');
});
afterAll(() => node?.[Symbol.asyncDispose]());

const drainedMs = ({ steps }: Migration): number =>
  steps.find(({ step }) => step === 'drained')!.durationMs ?? Number.NaN;

test('a device that carries nothing is drained after 100 ms', async () => {
  const migration = await node.migrate('shop.quiet', 'veth', true);
  expect(migration.state, migration.error?.detail).toBe('done');
  expect(drainedMs(migration)).toBeGreaterThanOrEqual(100);
  expect(drainedMs(migration)).toBeLessThan(1000);
});

test('a device that never falls quiet is drained for two seconds, and then goes', async () => {
  const pod = await node.addPod('busy', '10.42.0.3/32');
  using host = openNetworkNamespace(node.host);
  // Bound to the device, it goes on sending through it whatever the routes say.
  using socket = runInNetworkNamespace(host.fd, () => new PacketSocket(pod.primary.ifindex));
  const frame = ethernetToPod(0x0800, ipv4({ destination: '10.42.0.3' }));
  const sending = setInterval(() => {
    try {
      socket.send(frame);
    } catch {
      clearInterval(sending); // The device is gone.
    }
  }, 2);
  const pinging = ping(quiet.netns.path, '10.42.0.3', 300, 10);
  try {
    const migration = await node.migrate('shop.busy', 'veth', true, ['*']);
    expect(migration.state, migration.error?.detail).toBe('done');
    expect(drainedMs(migration)).toBeGreaterThanOrEqual(2000);
    expect(drainedMs(migration)).toBeLessThan(2500);
    expect(await pinging).toMatchObject({ sent: 300, lost: 0 });
  } finally {
    clearInterval(sending);
  }
});
