import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Pod } from '../../contract/pod.ts';
import type { NewTraceInput, Trace, TracePacket } from '../../contract/trace.ts';
import { openCapture, readWithTshark } from './capture.ts';
import { ping, type TestNode } from './node.ts';
import { listenToStream } from './stream.ts';

/** A pod of `shop` with an address of each family. */
export interface TracedPod {
  pod: Pod;
  addresses: readonly [four: string, six: string];
}

export const startTrace = (node: TestNode, pod: string, more: Partial<NewTraceInput>): Promise<Trace> =>
  node.ask<Trace>('POST', '/traces', { pod: `shop.${pod}`, seconds: 20, ...more });

/** @throws Error with the trace, when it does not come to that in 60 s */
export async function waitForTrace(
  node: TestNode,
  id: string,
  enough: (trace: Trace) => boolean,
): Promise<Trace> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const trace = await node.ask<Trace>('GET', `/traces/${id}`);
    if (enough(trace)) return trace;
    if (Date.now() > deadline) throw new Error(`not in 60 s: ${JSON.stringify(trace, null, 1)}`);
    await sleep(30);
  }
}

/** `from-pod cart redirected web`, in order of time. */
export const observationPoints = ({ points }: TracePacket): string[] =>
  points.map(({ where, pod, verdict, to }) =>
    [where, pod?.name, verdict, to?.name].filter((word) => word !== undefined).join(' '),
  );

export const sendUdp = (node: TestNode, from: Pod, address: string, port: number): string =>
  node.run(['bash', '--norc', '-c', `echo -n ping > /dev/udp/${address}/${port}`], from.netns.path);

/** Expects three redirected echo requests and their replies at the hooks of both pods, in the trace and in the stream. */
export async function expectEchoesTraced(
  node: TestNode,
  from: TracedPod,
  to: TracedPod,
  family: 4 | 6,
): Promise<void> {
  const [here, there] = [from.pod.name, to.pod.name];
  const { id } = await startTrace(node, here, { protocol: 'icmp', family, packets: 6 });
  using stream = await listenToStream(node, { topic: 'trace', trace: id });
  const address = to.addresses[family === 4 ? 0 : 1];
  expect(await ping(from.pod.netns.path, address, 3, 20)).toMatchObject({ lost: 0 });
  const trace = await waitForTrace(node, id, ({ state }) => state === 'ended');
  expect(trace).toMatchObject({ ended: 'packets', seen: 6, lost: 0 });
  const ofTypes = (...types: number[]) => trace.items.filter(({ icmp }) => types.includes(icmp!.type));
  const [echoes, answers] = [ofTypes(8, 128), ofTypes(0, 129)];
  expect([echoes.length, answers.length]).toEqual([3, 3]);
  for (const echo of echoes)
    expect(observationPoints(echo)).toEqual([
      `from-pod ${here} redirected ${there}`,
      `to-pod ${there} passed`,
    ]);
  for (const answer of answers)
    expect(observationPoints(answer)).toEqual([
      `from-pod ${there} redirected ${here}`,
      `to-pod ${here} passed`,
    ]);
  const hooks = ({ device }: Pod, direction: number) => device!.programs[direction]!.hook;
  for (const item of trace.items) {
    expect(item).toMatchObject({ family, outcome: 'delivered', length: family === 4 ? 84 : 104 });
    expect(item.points[1]!.deltaUs).toBeGreaterThan(0);
  }
  expect(echoes[0]!.points.map(({ device }) => device!.hook)).toEqual([hooks(from.pod, 0), hooks(to.pod, 1)]);
  const short = trace.path.edges.filter(({ by }) => by === 'redirect');
  expect(short.map(({ packets }) => packets)).toEqual([3, 3]);
  const told = stream.got('trace');
  expect(told.at(-1)!.trace).toMatchObject({ state: 'ended', seen: 6 });
  expect(new Set(told.flatMap(({ items }) => items.map(({ number }) => number))).size).toBe(6);
}

/** One to a closed port of the other pod, one to where nobody is: the kernel says why. */
export async function expectLostTraced(node: TestNode, from: TracedPod, to: TracedPod): Promise<void> {
  const [here, there] = [from.pod.name, to.pod.name];
  const { id, kernelDrops } = await startTrace(node, here, { protocol: 'udp' });
  expect(kernelDrops).toMatchObject({ available: true });
  sendUdp(node, from.pod, to.addresses[0], 7999);
  sendUdp(node, from.pod, '203.0.113.9', 7999);
  const { items, path } = await waitForTrace(
    node,
    id,
    ({ items }) => items.length > 1 && items.every(({ outcome }) => outcome === 'lost'),
  );
  expect(items[0]).toMatchObject({
    sentence: `dropped by the kernel in shop/${there}: NO_SOCKET`,
    destination: { port: 7999, pod: { name: there } },
  });
  expect(observationPoints(items[0]!)).toEqual([
    ...[`from-pod ${here} redirected ${there}`, `to-pod ${there} passed`],
    `kernel ${there} dropped`,
  ]);
  // The host has no route there.
  expect(items[1]).toMatchObject({ points: [{ verdict: 'passed' }, { where: 'kernel', pod: null }] });
  expect(path.nodes.map(({ label }) => label)).toContain(`NO_SOCKET in shop/${there}`);
  await node.ask('DELETE', `/traces/${id}`);
}

/**
 * What tshark reads from two captures is what was sent: addresses, order, times, directions, lengths. What a program
 * on netkit/peer hands to the other pod never comes to the primary: there the answers are missing.
 */
export async function expectEchoesCaptured(node: TestNode, here: TracedPod, there: TracedPod): Promise<void> {
  const folder = dirname(node.database);
  const name = `shop.${here.pod.name}`;
  const [mine, other] = [here.addresses, there.addresses];
  const both = here.pod.hooks === 'netkit' ? 1 : 2;
  const [all, few] = await Promise.all([
    openCapture(node, name, { protocol: 'icmp', address: other[0], packets: 5 * both, seconds: 30 }),
    openCapture(node, name, { protocol: 'icmp', address: other[1], packets: both, snaplen: 54, seconds: 30 }),
  ]);
  expect(all.answer.headers['content-type']).toBe('application/x-pcapng');
  expect(all.answer.headers['content-disposition']).toContain(`filename="${name}-`);
  const before = Date.now() / 1000;
  await ping(there.pod.netns.path, mine[0], 5, 20);
  await ping(there.pod.netns.path, mine[1], 1);
  const fields = ['ip.src', 'ip.dst', 'icmp.type', 'icmp.seq'];
  const packets = readWithTshark(folder, await all.file, [
    ...fields,
    ...['frame.time_epoch', 'frame.packet_flags_direction', 'frame.len'],
  ]);
  expect(packets.map((packet) => packet.slice(0, fields.length))).toEqual(
    [1, 2, 3, 4, 5].flatMap((sequence) =>
      [
        [other[0], mine[0], '8', String(sequence)],
        [mine[0], other[0], '0', String(sequence)],
      ].slice(0, both),
    ),
  );
  for (const [, , type, , time, direction, length] of packets) {
    expect(Number(time)).toBeGreaterThan(before - 1);
    expect(time).toMatch(/\.\d{9}$/);
    // Out of the primary is into the pod.
    expect([direction, length]).toEqual([type === '8' ? '0x00000002' : '0x00000001', '98']);
  }
  const cut = readWithTshark(folder, await few.file, ['ipv6.src', 'frame.cap_len', 'frame.interface_name']);
  const primary = here.pod.primary.name;
  expect(cut).toEqual([other[1], mine[1]].slice(0, both).map((source) => [source, '54', primary]));
}
