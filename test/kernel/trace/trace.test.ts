import { closeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RuleSetInput } from '../../../contract/rule-set.ts';
import type { TraceSummary } from '../../../contract/trace.ts';
import type { Verdict, VerdictList } from '../../../contract/verdict.ts';
import { BpfArrayMap } from '../../../server/bpf/array-map.ts';
import { checkBpfResult } from '../../../server/bpf/bpf-error.ts';
import { readBpfMapInfo } from '../../../server/bpf/map-info.ts';
import { bpf_obj_get } from '../../../server/ffi/libbpf.ts';
import { openCapture, readWithTshark } from '../../testbed/capture.ts';
import { ping, startTestNode, type TestNode } from '../../testbed/node.ts';
import { listenToStream } from '../../testbed/stream.ts';
import {
  expectEchoesCaptured,
  expectEchoesTraced,
  expectLostTraced,
  sendUdp,
  startTrace,
  type TracedPod,
  waitForTrace,
} from '../../testbed/trace.ts';

// Of netkit pods the guest tests the same, in test/vm/modes.test.ts.
let node: TestNode;
let cart: TracedPod;
let web: TracedPod;
beforeAll(async () => {
  node = await startTestNode();
  const add = async (name: string, addresses: TracedPod['addresses']): Promise<TracedPod> => ({
    pod: await node.addPod(name, [`${addresses[0]}/32`, `${addresses[1]}/128`], 'veth'),
    addresses,
  });
  cart = await add('cart', ['10.42.0.2', 'fd42::2']);
  web = await add('web', ['10.42.0.3', 'fd42::3']);
}, 240_000);
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
});

test('an echo request and its reply are traced through the hooks of both pods, in both families', async () => {
  for (const family of [4, 6] as const) await expectEchoesTraced(node, cart, web, family);
});

const rules: RuleSetInput = {
  name: 'traced',
  rules: [
    {
      name: 'no discard',
      direction: 'egress',
      subject: { pod: 'shop.cart' },
      action: 'deny',
      protocol: 'udp',
      ports: [{ from: 9 }],
    },
  ],
};

test('a packet that a rule denies is reported with the rule by the trace and the log', async () => {
  await node.ask('PUT', '/rules', rules);
  try {
    using stream = await listenToStream(node, { topic: 'verdicts', filter: { rule: 'no discard' } });
    const { id } = await startTrace(node, 'cart', { protocol: 'udp', address: web.addresses[0], port: 9 });
    for (let i = 0; i < 2; i += 1) sendUdp(node, cart.pod, web.addresses[0], 9);
    const { items } = await waitForTrace(node, id, ({ seen }) => seen === 2);
    await node.ask('DELETE', `/traces/${id}`);
    for (const item of items) {
      expect(item).toMatchObject({ outcome: 'dropped', destination: { pod: { name: 'web' }, port: 9 } });
      expect(item.points).toMatchObject([
        { where: 'from-pod', pod: { name: 'cart' }, reason: 'denied', rule: 'no discard' },
      ]);
    }
    await expect.poll(() => stream.got('verdicts').flatMap(({ items }) => items).length).toBe(2);
    const query = `pod=shop.cart&port=9&address=${web.addresses[0]}&verdict=dropped`;
    const log = await node.ask<VerdictList>('GET', `/verdicts?${query}`);
    expect(log.items).toMatchObject(
      Array(2).fill({
        kind: 'dropped',
        direction: 'egress',
        reason: 'denied',
        rule: 'no discard',
        set: 'active',
        protocolName: 'udp',
        pod: { namespace: 'shop', name: 'cart' },
        source: { address: cart.addresses[0], pod: { name: 'cart' } },
        destination: { address: web.addresses[0], port: 9, pod: { name: 'web' } },
      } satisfies Partial<Record<keyof Verdict, unknown>>),
    );
    expect(await node.ask<VerdictList>('GET', '/verdicts?port=10')).toMatchObject({ items: [] });
    expect(await node.metrics()).toMatch(/^podlane_verdicts_total\{verdict="dropped"\} 2$/m);
  } finally {
    await node.ask('DELETE', '/rules');
  }
});

test('a packet that the kernel drops is reported with place and reason', () =>
  expectLostTraced(node, cart, web));

test('tshark reads exactly the sent packets from a capture', () => expectEchoesCaptured(node, cart, web));

test('a capture whose client disconnects frees its place, and an empty capture is a valid file', async () => {
  const port = 4999;
  const four = [];
  for (let i = 0; i < 4; i += 1) four.push(await openCapture(node, 'shop.web', { port, seconds: 60 }));
  await expect(node.ask('GET', '/pods/shop.web/capture')).rejects.toMatchObject({ code: 'too_many' });
  for (const capture of four) capture.leave();
  const again = () => openCapture(node, 'shop.web', { port, seconds: 0.1 });
  await expect.poll(() => again().then(({ answer }) => answer.statusCode)).toBe(200);
  const { file } = await again();
  expect(readWithTshark(dirname(node.database), await file, ['frame.number'])).toEqual([]);
});

test('a capture goes on at the new device of its pod, and misses nothing', async () => {
  const [address] = web.addresses;
  // Long enough for two migrations on a busy machine.
  const pings = 1600;
  const capture = await openCapture(node, 'shop.web', {
    ...{ protocol: 'icmp', address: cart.addresses[0], family: 4 },
    ...{ packets: 2 * pings, seconds: 60 },
  });
  const pinging = ping(cart.pod.netns.path, address, pings, 5);
  for (let i = 0; i < 2; i++) {
    await sleep(300);
    expect(await node.migrate('shop.web', 'veth', true)).toMatchObject({ state: 'done' });
  }
  expect(await pinging).toMatchObject({ sent: pings, lost: 0 });
  const fields = ['icmp.seq', 'icmp.type', 'frame.interface_id'];
  const packets = readWithTshark(dirname(node.database), await capture.file, fields);
  expect(new Set(packets.map(([seq, type]) => `${seq} ${type}`)).size).toBe(2 * pings);
  expect(new Set(packets.map((packet) => packet[2]))).toEqual(new Set(['0', '1', '2']));
});

test('a capture ends when its pod leaves', async () => {
  await node.addPod('leaving', ['10.42.0.77/32']);
  const capture = await openCapture(node, 'shop.leaving', { seconds: 60 });
  await node.ask('DELETE', '/pods/shop.leaving');
  node.removeNamespace('leaving');
  readWithTshark(dirname(node.database), await capture.file, ['frame.number']);
});

/** Filters of traces that the programs have. */
function filtersInKernel(): number {
  const fd = checkBpfResult('open the filters', bpf_obj_get(`${node.pins}/maps/trace_filters`));
  const { valueBytes, maxEntries } = readBpfMapInfo(fd);
  const map = new BpfArrayMap(fd, 'trace_filters', valueBytes);
  const used = Array.from({ length: maxEntries }, (_, i) => map.get(i).some((byte) => byte !== 0));
  closeSync(fd);
  return used.filter(Boolean).length;
}

test('at most four traces run at a time, and a killed agent leaves no filters', async () => {
  const traces = [];
  for (let i = 0; i < 4; i += 1) traces.push(await startTrace(node, 'cart', { family: 4 }));
  await expect(startTrace(node, 'cart', { family: 4 })).rejects.toMatchObject({ code: 'too_many' });
  await expect(node.ask('GET', '/traces/none')).rejects.toMatchObject({ code: 'trace_not_found' });
  expect(filtersInKernel()).toBe(4);
  expect(await node.ask('DELETE', `/traces/${traces[0]!.id}`)).toMatchObject({ ended: 'stopped' });
  expect(filtersInKernel()).toBe(3);
  await node.killAgent();
  await node.startAgent();
  expect(filtersInKernel()).toBe(0);
  expect(await node.ask<{ items: TraceSummary[] }>('GET', '/traces')).toMatchObject({ items: [] });
});
