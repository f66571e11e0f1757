import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import type { BpfMapDetail } from '../../../contract/bpf-map.ts';
import type { PodPacketChecks } from '../../../contract/packet-checks.ts';
import type { Pod } from '../../../contract/pod.ts';
import type { VerdictList } from '../../../contract/verdict.ts';
import { openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { ipv4 } from '../bpf/frames.ts';
import { PacketSocket } from '../bpf/packet-socket.ts';

const vpn = '10.8.0.1';
let node: TestNode;

beforeAll(async () => {
  node = await startTestNode();
  await node.addPod('cart', ['10.42.0.2/32', 'fd42::2/128'], 'veth');
}, 240_000);
afterAll(() => node?.[Symbol.asyncDispose]());

const checks = (pod = 'cart') => node.ask<PodPacketChecks>('GET', `/pods/shop.${pod}/checks`);
const change = (body: object) => node.ask<PodPacketChecks>('PUT', '/pods/shop.cart/checks', body);
const soon = { timeout: 10_000, interval: 50 };

const read = (pod: string) => node.ask<Pod>('GET', `/pods/shop.${pod}`);

/** Sends a frame from the pod to the primary of its device. */
async function send(type: number, payload: Buffer, of: string | Pod = 'cart'): Promise<void> {
  const { netns, device } = typeof of === 'string' ? await read(of) : of;
  using namespace = openNetworkNamespace(netns.path);
  using packets = runInNetworkNamespace(namespace.fd, () => new PacketSocket(device!.peer.ifindex));
  const macs = [device!.primary.mac!, device!.peer.mac!].flatMap((mac) => mac.split(':'));
  const header = [...macs.map((byte) => Number.parseInt(byte, 16)), type >> 8, type & 255];
  packets.send(Buffer.concat([Buffer.from(header), payload]));
}
const sendFrom = (source: string, pod?: string | Pod) => send(0x0800, ipv4({ source }), pod);

/** Number of packets that the pod has lost, once none is on its way any more. */
const lost = async () => {
  const { counted } = (await checks()).lost;
  return counted.spoofedSource + counted.unknownProtocol;
};

test('a pod’s checks are strict, and what it loses by them is shown by source and ethertype', async () => {
  expect((await checks()).checks).toEqual({ source: 'strict', sourcePrefixes: [], ethertypes: [] });
  for (const _ of [1, 2]) await sendFrom(vpn);
  await send(0x88cc, Buffer.alloc(46));
  await send(0x88b5, Buffer.alloc(46));
  await send(0x8100, Buffer.concat([Buffer.from([0, 5, 8, 0]), ipv4()]));
  await vi.waitFor(async () => {
    const { lost } = await checks();
    expect(lost.sources).toMatchObject([{ address: vpn, packets: 2, direction: 'egress' }]);
    expect(lost.ethertypes.map(({ ethertype, packets }) => `${packets} ${ethertype}`).sort()).toEqual([
      '1 0x88b5',
      '1 lldp',
      '1 vlan',
    ]);
    expect(lost.counted).toEqual({ spoofedSource: 2, unknownProtocol: 3 });
  }, soon);
  const { items } = await node.ask<VerdictList>('GET', '/verdicts?protocol=lldp');
  expect(items).toMatchObject([
    {
      family: null,
      ethertype: 'lldp',
      protocolName: 'lldp',
      source: { address: '', port: null, pod: null },
      destination: { address: '' },
      reason: 'unknown_protocol',
    },
  ]);
  const spoofed = await node.ask<VerdictList>('GET', `/verdicts?address=${vpn}`);
  expect(spoofed.items[0]).toMatchObject({ family: 4, ethertype: 'ipv4', source: { address: vpn } });
});

test('prefixes and ethertypes are let through from the next packet on, through a restart and a migration', async () => {
  const before = await lost();
  const chosen = { source: 'strict', sourcePrefixes: ['10.8.0.0/24'], ethertypes: ['lldp', 'vlan'] };
  expect((await change({ sourcePrefixes: ['10.8.0.9/24'], ethertypes: ['0x88cc', 'vlan'] })).checks).toEqual(
    chosen,
  );
  const pass = async (pod?: Pod) => {
    await sendFrom(vpn, pod);
    await send(0x88cc, Buffer.alloc(46), pod);
  };
  await pass();
  const cart = await read('cart');
  await node.killAgent();
  await pass(cart);
  await node.startAgent();
  expect((await checks()).checks).toEqual(chosen);
  await pass();
  expect(await node.migrate('shop.cart', 'veth', true)).toMatchObject({ state: 'done' });
  await pass();
  expect(await lost()).toBe(before);
  await sendFrom('10.9.0.1');
  await send(0x88f7, Buffer.alloc(46));
  await vi.waitFor(async () => expect(await lost()).toBe(before + 2), soon);
  const events = await node.ask<{ items: AgentEvent[] }>('GET', '/events?pod=shop.cart');
  expect(events.items.find(({ type }) => type === 'checks.changed')?.message).toMatch(
    /changed the packet checks of shop\/cart: sources are its own addresses, 10.8.0.0\/24; frames of type lldp, vlan pass$/,
  );
}, 120_000);

test('off lets any source through, and back to strict none', async () => {
  const before = await lost();
  await change({ source: 'off' });
  await sendFrom('203.0.113.1');
  expect(await lost()).toBe(before);
  await change({});
  await sendFrom('203.0.113.1');
  await vi.waitFor(async () => expect(await lost()).toBe(before + 1), soon);
});

test('another pod’s address is not let through by a prefix that covers it', async () => {
  await node.addPod('web', ['10.8.0.77/32'], 'veth');
  const before = await lost();
  await change({ sourcePrefixes: ['10.8.0.0/24'] });
  await sendFrom('10.8.0.77');
  await vi.waitFor(async () => expect(await lost()).toBe(before + 1), soon);
});

test('bad checks are refused and change nothing', async () => {
  const found = (await checks()).checks;
  for (const body of [
    { sourcePrefixes: ['x'] },
    { ethertypes: ['ipv6'] },
    { source: 'off', sourcePrefixes: ['10.0.0.0/8'] },
    { unknown: 1 },
  ])
    await expect(change(body)).rejects.toMatchObject({ code: 'bad_request' });
  expect((await checks()).checks).toEqual(found);
  await expect(checks('nobody')).rejects.toMatchObject({ code: 'pod_not_found' });
});

test('a pod is attached with its checks, and leaves nothing in the maps', async () => {
  const entries = async (name: string) => {
    const { items } = await node.ask<{ items: BpfMapDetail[] }>('GET', '/maps');
    const id = items.find((map) => map.name === name && map.owner.kind === 'podlane')?.id;
    const page = await node.ask<{ items: unknown[] }>('GET', `/maps/${id}/entries`);
    return page.items.length;
  };
  const before = [await entries('source_prefixes'), await entries('ethertypes')];
  await node.addPod('job', '10.42.0.4/32', {
    kind: 'veth',
    checks: { sourcePrefixes: ['10.9.0.0/24', '::/0'], ethertypes: ['ptp'] },
  });
  await sendFrom('10.9.0.1', 'job');
  await send(0x88f7, Buffer.alloc(46), 'job');
  await sendFrom('10.10.0.1', 'job');
  await vi.waitFor(
    async () => expect((await checks('job')).lost.counted).toEqual({ spoofedSource: 1, unknownProtocol: 0 }),
    soon,
  );
  expect([await entries('source_prefixes'), await entries('ethertypes')]).toEqual([
    before[0]! + 3,
    before[1]! + 1,
  ]);
  await node.ask('DELETE', '/pods/shop.job');
  expect([await entries('source_prefixes'), await entries('ethertypes')]).toEqual(before);
});
