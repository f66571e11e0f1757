import { closeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RuleSetInput } from '../../../contract/acl.ts';
import type { DeviceKind } from '../../../contract/device.ts';
import type { Pod } from '../../../contract/pod.ts';
import type { NewTraceInput, Trace, TracePacket, TraceSummary } from '../../../contract/trace.ts';
import type { Verdict, VerdictList } from '../../../contract/verdict.ts';
import { accepted } from '../../../server/bpf/call.ts';
import { ArrayMap, mapInfo } from '../../../server/bpf/map.ts';
import { bpf_obj_get } from '../../../server/ffi/libbpf.ts';
import { openCapture, readByTshark } from '../../rig/capture.ts';
import { ping, type RiggedNode, rigNode } from '../../rig/node.ts';
import { listen } from '../../rig/stream.ts';

const addresses = { cart: ['10.42.0.2', 'fd42::2'], web: ['10.42.0.3', 'fd42::3'] } as const;

const rules: RuleSetInput = {
  name: 'traced',
  rules: [
    {
      ...{ name: 'no discard', direction: 'egress', subject: { pod: 'shop.cart' }, action: 'deny' },
      ...{ protocol: 'udp', ports: [{ from: 9 }] },
    },
  ],
};

/** Real packets of two pods, told by traces, by the log of verdicts and by captures. */
export function describeTraces(kind: DeviceKind): void {
  describe(`of ${kind} pods`, () => {
    let node: RiggedNode;
    const pods = {} as Record<keyof typeof addresses, Pod>;

    beforeAll(async () => {
      node = await rigNode();
      for (const name of ['cart', 'web'] as const)
        pods[name] = await node.addPod(name, [`${addresses[name][0]}/32`, `${addresses[name][1]}/128`], kind);
    }, 60_000);
    afterAll(async () => {
      await node?.[Symbol.asyncDispose]();
    });

    const start = (more: Partial<NewTraceInput>) =>
      node.ask<Trace>('POST', '/traces', { pod: 'shop.cart', seconds: 20, ...more });
    const get = (id: string) => node.ask<Trace>('GET', `/traces/${id}`);
    const until = async (id: string, enough: (trace: Trace) => boolean): Promise<Trace> => {
      const deadline = Date.now() + 5000;
      for (;;) {
        const trace = await get(id);
        if (enough(trace)) return trace;
        if (Date.now() > deadline) throw new Error(`not in 5 s: ${JSON.stringify(trace, null, 1)}`);
        await sleep(30);
      }
    };
    const places = ({ points }: TracePacket) =>
      points.map(({ where, pod, verdict, to }) =>
        [where, pod?.name, verdict, to?.name].filter((word) => word !== undefined).join(' '),
      );
    const sendUdp = (port: number, address: string = addresses.web[0]) =>
      node.run(['bash', '-c', `echo -n ping > /dev/udp/${address}/${port}`], pods.cart.netns.path);

    test('an echo and its answer are followed through the hooks of both pods, in both families', async () => {
      for (const [i, family] of ([4, 6] as const).entries()) {
        const { id } = await start({ protocol: 'icmp', family, packets: 6 });
        using stream = await listen(node, { topic: 'trace', trace: id });
        expect(await ping(pods.cart.netns.path, addresses.web[i]!, 3, 20)).toMatchObject({ lost: 0 });
        const trace = await until(id, ({ state }) => state === 'ended');
        expect(trace).toMatchObject({ ended: 'packets', seen: 6, lost: 0 });
        const echoes = trace.items.filter(({ icmp }) => icmp !== null && [8, 128].includes(icmp.type));
        const answers = trace.items.filter(({ icmp }) => icmp !== null && [0, 129].includes(icmp.type));
        expect([echoes.length, answers.length]).toEqual([3, 3]);
        for (const echo of echoes)
          expect(places(echo)).toEqual(['from-pod cart redirected web', 'to-pod web passed']);
        for (const answer of answers)
          expect(places(answer)).toEqual(['from-pod web redirected cart', 'to-pod cart passed']);
        for (const item of trace.items) {
          expect(item).toMatchObject({ family, outcome: 'delivered', length: family === 4 ? 84 : 104 });
          expect(item.points[1]!.deltaUs).toBeGreaterThan(0);
          expect(
            item.points.map(({ device }) => device?.hook.startsWith(kind === 'netkit' ? kind : 'tc')),
          ).toEqual([true, true]);
        }
        expect(trace.path.edges.filter(({ by }) => by === 'redirect').map(({ packets }) => packets)).toEqual([
          3, 3,
        ]);
        const told = stream.got('trace');
        expect(told.at(-1)!.trace).toMatchObject({ state: 'ended', seen: 6 });
        expect(new Set(told.flatMap(({ items }) => items.map(({ number }) => number))).size).toBe(6);
      }
    });

    test('a packet that a rule denies is told with the rule, by the trace and by the log', async () => {
      await node.ask('PUT', '/rules', rules);
      try {
        using stream = await listen(node, { topic: 'verdicts', filter: { rule: 'no discard' } });
        const { id } = await start({ protocol: 'udp', address: addresses.web[0], port: 9 });
        sendUdp(9);
        sendUdp(9);
        const { items } = await until(id, ({ seen }) => seen === 2);
        await node.ask('DELETE', `/traces/${id}`);
        for (const item of items) {
          expect(item).toMatchObject({ outcome: 'dropped', destination: { pod: { name: 'web' }, port: 9 } });
          expect(item.points).toMatchObject([
            { where: 'from-pod', pod: { name: 'cart' }, reason: 'denied', rule: 'no discard' },
          ]);
        }
        await expect.poll(() => stream.got('verdicts').flatMap(({ items }) => items).length).toBe(2);
        const log = await node.ask<VerdictList>(
          'GET',
          '/verdicts?pod=shop.cart&port=9&address=10.42.0.3&verdict=dropped',
        );
        expect(log.items).toMatchObject(
          Array(2).fill({
            ...{ kind: 'dropped', direction: 'egress', reason: 'denied', rule: 'no discard', set: 'active' },
            ...{ protocolName: 'udp', pod: { namespace: 'shop', name: 'cart' } },
            source: { address: addresses.cart[0], pod: { name: 'cart' } },
            destination: { address: addresses.web[0], port: 9, pod: { name: 'web' } },
          } satisfies Partial<Record<keyof Verdict, unknown>>),
        );
        expect(await node.ask<VerdictList>('GET', '/verdicts?port=10')).toMatchObject({ items: [] });
      } finally {
        await node.ask('DELETE', '/rules');
      }
    });

    test('a packet that the kernel drops says where and why', async () => {
      const { id, kernelDrops } = await start({ protocol: 'udp' });
      expect(kernelDrops).toMatchObject({ available: true });
      sendUdp(7999);
      sendUdp(7999, '203.0.113.9');
      const { items, path } = await until(
        id,
        ({ items }) => items.every(({ points }) => points.length > 1) && items.length > 1,
      );
      expect(items[0]).toMatchObject({
        ...{ outcome: 'lost', sentence: 'dropped by the kernel in shop/web: NO_SOCKET' },
        destination: { port: 7999 },
      });
      expect(places(items[0]!)).toEqual([
        'from-pod cart redirected web',
        'to-pod web passed',
        'kernel web dropped',
      ]);
      // The host has no route there.
      expect(items[1]).toMatchObject({
        outcome: 'lost',
        points: [{ verdict: 'passed' }, { where: 'kernel', pod: null }],
      });
      expect(path.nodes.map(({ label }) => label)).toContain('NO_SOCKET in shop/web');
      await node.ask('DELETE', `/traces/${id}`);
    });

    test('there are no more than four at a time, and none are left when the agent was killed', async () => {
      const traces = [];
      for (let i = 0; i < 4; i += 1) traces.push(await start({ family: 4 }));
      await expect(start({ family: 4 })).rejects.toMatchObject({ code: 'too_many' });
      await expect(node.ask('GET', '/traces/none')).rejects.toMatchObject({ code: 'trace_not_found' });
      const asked = () => {
        const fd = accepted('open the filters', bpf_obj_get(`${node.pins}/trace_filters`));
        const { valueBytes, maxEntries } = mapInfo(fd);
        const map = new ArrayMap(fd, 'trace_filters', valueBytes);
        const used = Array.from({ length: maxEntries }, (_, i) => map.get(i).some((byte) => byte !== 0));
        closeSync(fd);
        return used.filter(Boolean).length;
      };
      expect(asked()).toBe(4);
      expect(await node.ask('DELETE', `/traces/${traces[0]!.id}`)).toMatchObject({ ended: 'stopped' });
      expect(asked()).toBe(3);
      await node.killAgent();
      await node.startAgent();
      expect(asked()).toBe(0);
      expect(await node.ask<{ items: TraceSummary[] }>('GET', '/traces')).toMatchObject({ items: [] });
    });

    test('tshark reads from a capture what was sent, and no more', async () => {
      const seconds = 20;
      const [all, few] = await Promise.all([
        openCapture(node, 'shop.cart', { protocol: 'icmp', address: addresses.web[0], packets: 10, seconds }),
        openCapture(node, 'shop.cart', { address: addresses.web[1], packets: 2, snaplen: 54, seconds }),
      ]);
      expect(all.answer.headers['content-type']).toBe('application/x-pcapng');
      expect(all.answer.headers['content-disposition']).toMatch(/filename="shop.cart-.*\.pcapng"/);
      node.run(['bash', '-c', `(echo > /dev/tcp/${addresses.web[0]}/7999) 2>/dev/null || true`], pods.cart.netns.path);
      const before = Date.now() / 1000;
      await ping(pods.web.netns.path, addresses.cart[0], 5, 20);
      await ping(pods.web.netns.path, addresses.cart[1], 1);
      const fields = [
        'ip.src',
        'ip.dst',
        'icmp.type',
        'icmp.seq',
        'frame.time_epoch',
        'frame.packet_flags_direction',
        'frame.len',
      ];
      const packets = readByTshark(dirname(node.database), await all.file, fields);
      const { cart, web } = addresses;
      expect(packets.map(([source, target, type, sequence]) => [source, target, type, sequence])).toEqual(
        [1, 2, 3, 4, 5].flatMap((sequence) => [
          [web[0], cart[0], '8', String(sequence)],
          [cart[0], web[0], '0', String(sequence)],
        ]),
      );
      for (const [, , type, , time, direction, length] of packets) {
        expect(Number(time)).toBeGreaterThan(before - 1);
        expect(time).toMatch(/\.\d{9}$/);
        expect([direction, length]).toEqual([type === '8' ? '0x00000002' : '0x00000001', '98']);
      }
      const cut = readByTshark(dirname(node.database), await few.file, [
        'ipv6.src',
        'frame.cap_len',
        'frame.interface_name',
      ]);
      expect(cut).toEqual([
        [web[1], '54', pods.cart.primary.name],
        [cart[1], '54', pods.cart.primary.name],
      ]);
    });

    test('a capture whose reader goes makes room for another; an empty one is a file too', async () => {
      const port = 4999;
      const four = [];
      for (let i = 0; i < 4; i += 1) four.push(await openCapture(node, 'shop.web', { port, seconds: 60 }));
      await expect(node.ask('GET', '/pods/shop.web/capture')).rejects.toMatchObject({ code: 'too_many' });
      for (const capture of four) capture.leave();
      await expect
        .poll(() =>
          openCapture(node, 'shop.web', { port, seconds: 0.1 }).then(({ answer }) => answer.statusCode),
        )
        .toBe(200);
      const { file } = await openCapture(node, 'shop.web', { port, seconds: 0.1 });
      expect(readByTshark(dirname(node.database), await file, ['frame.number'])).toEqual([]);
    });
  });
}
