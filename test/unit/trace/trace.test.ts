import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { newTraceSchema } from '../../../contract/trace.ts';
import type { TraceFormatContext } from '../../../server/trace/format-packet-trace.ts';
import { readKernelClock } from '../../../server/trace/kernel-clock.ts';
import type { PacketObservation } from '../../../server/trace/packet-correlator.ts';
import { type PodChangeSource, PodNameResolver } from '../../../server/trace/pod-name-resolver.ts';
import { createTraceSummary, RunningTrace } from '../../../server/trace/running-trace.ts';
import { buildKernelTraceFilters, createTraceMatcher } from '../../../server/trace/trace-filter.ts';
import { echo, headersOf, observation, udp } from './packet-fixtures.ts';

const pod = (number: number, name: string) => ({
  id: name,
  number,
  namespace: 'shop',
  name,
  addresses: [`10.0.0.${number}/32`],
  slot: number,
  kind: 'netkit',
});
const summaries = [pod(1, 'cart'), pod(2, 'web')];
const pods = Object.assign(new EventEmitter(), {
  summaries: () => summaries,
  all: () => summaries.map(({ id, number }) => ({ id, slots: [number], netnsInode: BigInt(40 + number) })),
}) as unknown as PodChangeSource;
const context: TraceFormatContext = {
  clock: readKernelClock(),
  names: new PodNameResolver(pods),
  kernelReason: (reason) => (reason === 2 ? 'NO_SOCKET' : null),
  ruleName: (rule) => `rule-${rule}`,
};

const begin = (more: object = {}): RunningTrace => {
  const reference = { id: 'cart', namespace: 'shop', name: 'cart' };
  const wanted = newTraceSchema.parse({ pod: 'cart', ...more });
  return new RunningTrace(createTraceSummary(wanted, { id: 't', pod: reference, actor: 'me' }));
};

const start = process.hrtime.bigint();
const at = (microseconds: number): bigint => start + BigInt(microseconds) * 1000n;
const second = 1_000_000;
const ping = (sequence: number, ttl = 64) =>
  headersOf({
    source: '10.0.0.1',
    destination: '10.0.0.2',
    protocol: 1,
    ttl,
    payload: echo(8, 1, sequence),
  });
const fromCart: Partial<PacketObservation> = { slot: 1, owner: 1, hook: 'netkit/peer' };
const toWeb: Partial<PacketObservation> = { where: 'to-pod', slot: 2, owner: 2, hook: 'netkit/primary' };

test('a packet is reported as observations with the time between them, and as a path', () => {
  const trace = begin();
  // The buffers of programs and of the kernel are read one after the other: times put them in order.
  trace.addObservation(observation(ping(1, 63), { ...toWeb, timeNs: at(12) }));
  trace.addObservation(
    observation(ping(1), { ...fromCart, timeNs: at(3), verdict: 'redirected', target: 2 }),
  );
  trace.addObservation(
    observation(ping(2), { ...fromCart, timeNs: at(20), verdict: 'dropped', reason: 'denied', rule: 7 }),
  );
  expect(trace.advance(context, at(second))).toBeNull();
  const { items, path, seen } = trace.trace();
  expect(seen).toBe(2);
  expect(items[0]).toMatchObject({
    number: 1,
    outcome: 'delivered',
    sentence: 'delivered to shop/web',
    protocolName: 'icmp',
    ttl: 64,
    points: [
      { where: 'from-pod', pod: { name: 'cart' }, verdict: 'redirected', to: { name: 'web' }, deltaUs: 0 },
      { where: 'to-pod', pod: { name: 'web' }, verdict: 'passed', deltaUs: 9, sinceUs: 9 },
    ],
  });
  expect(items[0]!.points[0]!.device).toEqual({ kind: 'netkit', slot: 1, hook: 'netkit/peer' });
  expect(items[1]).toMatchObject({
    outcome: 'dropped',
    points: [{ reason: 'denied', rule: 'rule-7' }],
    sentence: 'dropped at egress of shop/cart: denied by rule rule-7',
  });
  const label = (id: string) => path.nodes.find((node) => node.id === id)!.label;
  expect(path.edges.map(({ from, to, by, packets }) => [label(from), label(to), by, packets])).toEqual([
    ['shop/cart netkit/peer', 'shop/web netkit/primary', 'redirect', 1],
    ['shop/web netkit/primary', 'shop/web', null, 1],
    ['shop/cart netkit/peer', 'dropped by rule-7', null, 1],
  ]);
});

test('a delivered packet that is lost in the pod is reported again to watchers', () => {
  const trace = begin();
  const told: string[] = [];
  trace.watch(({ items }) => void told.push(...items.map(({ outcome }) => outcome)));
  const headers = headersOf({
    source: '10.0.0.1',
    destination: '10.0.0.2',
    protocol: 17,
    payload: udp(9, 9),
  });
  trace.addObservation(observation(headers, { ...fromCart, timeNs: at(0) }));
  trace.addObservation(observation(headers, { ...toWeb, timeNs: at(5) }));
  trace.advance(context, at(50_000));
  trace.addObservation(
    observation(headers, {
      timeNs: at(9),
      where: 'kernel',
      slot: null,
      owner: 42,
      hook: null,
      verdict: 'dropped',
      reason: 2,
    }),
  );
  trace.advance(context, at(100_000));
  expect(told).toEqual(['delivered', 'lost']);
  const [packet] = trace.trace().items;
  expect(packet!.sentence).toBe('dropped by the kernel in shop/web: NO_SOCKET');
  expect(packet!.points[2]).toMatchObject({ pod: { name: 'web' }, device: null, reason: 'NO_SOCKET' });
});

test('a packet in transit is not reported until it settles', () => {
  const trace = begin();
  const away = headersOf({ source: '10.0.0.1', destination: '192.0.2.1', protocol: 17, payload: udp(9, 9) });
  trace.addObservation(observation(away, { ...fromCart, timeNs: at(0) }));
  trace.addObservation(
    observation(ping(5), { ...fromCart, timeNs: at(1), verdict: 'redirected', target: 2 }),
  );
  trace.advance(context, at(150_000));
  expect(trace.trace().items).toEqual([]);
  trace.advance(context, at(300_000));
  expect(trace.trace().items.map(({ outcome }) => outcome)).toEqual(['left', 'unknown']);
  expect(trace.trace().items[1]!.sentence).toBe('redirected to shop/web, then not observed for 200 ms');
});

test('a trace ends at its limit of packets or time, and adds nothing afterwards', () => {
  const few = begin({ packets: 1 });
  few.addObservation(observation(ping(1), { ...fromCart, timeNs: at(0) }));
  few.addObservation(observation(ping(2), { ...fromCart, timeNs: at(1) }));
  expect(few.advance(context, at(100_000))).toBeNull();
  expect(few.advance(context, at(400_000))).toBe('packets');
  few.end('packets', context);
  expect(few.trace()).toMatchObject({ state: 'ended', ended: 'packets', seen: 1 });

  const short = begin({ seconds: 1 });
  expect(short.advance(context, at(2 * second))).toBe('seconds');
  const stopped = begin();
  stopped.addObservation(observation(ping(1), { ...fromCart, timeNs: process.hrtime.bigint() }));
  stopped.end('stopped', context);
  expect(stopped.trace().items).toMatchObject([{ outcome: 'unknown' }]);
});

test('the programs filter by one address, and further packets that they report are discarded', () => {
  const own = ['10.0.0.1', 'fd00::1'];
  expect(buildKernelTraceFilters(3, {}, own)).toEqual([
    { id: 3, address: '10.0.0.1' },
    { id: 3, address: 'fd00::1' },
  ]);
  expect(buildKernelTraceFilters(1, { protocol: 'icmp', family: 6 }, own)).toEqual([
    { id: 1, address: 'fd00::1', protocol: 58 },
  ]);
  expect(buildKernelTraceFilters(1, { address: '2001:DB8::0', port: 53, protocol: 'udp' }, own)).toEqual([
    { id: 1, address: '2001:db8::', port: 53, protocol: 17 },
  ]);
  const matches = createTraceMatcher({ address: '10.0.0.2', protocol: 'icmp' }, own);
  expect(matches(ping(1))).toBe(true);
  const others = { source: '10.0.0.3', destination: '10.0.0.2', protocol: 1, payload: echo(8, 1, 1) };
  expect(matches(headersOf(others))).toBe(false);
  expect(matches(headersOf({ ...others, source: '10.0.0.1', protocol: 17 }))).toBe(false);
});
