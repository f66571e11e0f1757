import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeSampleFrame } from '../../../contract/sample-frame.ts';
import { BpfArrayMap, createMmapableArrayMap } from '../../../server/bpf/array-map.ts';
import {
  counterIndexByName,
  createZeroSlotCounters,
  sweptCounterCount,
} from '../../../server/bpf/counter-layout.ts';
import { CounterMap } from '../../../server/bpf/counter-map.ts';
import { dropCountersSize, slotCountersSize } from '../../../server/bpf/datapath-structs.ts';
import type { CounterSample } from '../../../server/counters/sample.ts';
import { CounterSampler } from '../../../server/counters/sampler.ts';
import type { SampledPod } from '../../../server/datapath/sampled-pod.ts';
import { libbpf_num_possible_cpus } from '../../../server/ffi/libbpf.ts';
import { encodeSampleFrame } from '../../../server/stream/encode-sample-frame.ts';

const slots = 8;
const cpus = libbpf_num_possible_cpus();

let maps: { counters: number; drops: number };
let counters: CounterMap;
beforeEach(() => {
  maps = {
    counters: createMmapableArrayMap('test_counters', slotCountersSize, cpus * slots),
    drops: createMmapableArrayMap('test_drops', dropCountersSize, cpus * slots),
  };
  counters = new CounterMap(maps, slots);
});
afterEach(() => {
  counters.close();
  closeSync(maps.counters);
  closeSync(maps.drops);
});

/** Writes through the map, as a program would, where the reader has it mapped. */
function count(cpu: number, slot: number, values: Record<number, bigint>): void {
  const [low, high] = [new BigUint64Array(sweptCounterCount), new BigUint64Array(dropCountersSize / 8)];
  for (const [place, value] of Object.entries(values)) {
    if (Number(place) < sweptCounterCount) low[Number(place)] = value;
    else high[Number(place) - sweptCounterCount] = value;
  }
  const index = cpu * slots + slot;
  new BpfArrayMap(maps.counters, 'test_counters', slotCountersSize).set(index, Buffer.from(low.buffer));
  new BpfArrayMap(maps.drops, 'test_drops', dropCountersSize).set(index, Buffer.from(high.buffer));
}

const podAt = (slot: number): SampledPod => ({
  id: `pod-${slot}`,
  number: slot,
  slots: [slot],
  netnsInode: 0n,
  kind: 'veth',
  carried: createZeroSlotCounters(),
  requests: null,
});

test('a slot’s counters are the sums over all CPUs, exact beyond 2^53', () => {
  for (let cpu = 0; cpu < cpus; cpu += 1)
    count(cpu, 3, {
      [counterIndexByName.egressBytes]: 2n ** 60n + BigInt(cpu),
      [counterIndexByName['ingressDroppedPackets.spoofed_source']]: 5n,
    });
  const expected = createZeroSlotCounters();
  for (let cpu = 0; cpu < cpus; cpu += 1)
    expected[counterIndexByName.egressBytes]! += 2n ** 60n + BigInt(cpu);
  expected[counterIndexByName['ingressDroppedPackets.spoofed_source']] = 5n * BigInt(cpus);
  expect(counters.read(3)).toEqual(expected);
  expect(counters.read(2)).toEqual(createZeroSlotCounters());
});

test('a sweep reads what single reads do', () => {
  for (let slot = 0; slot < slots; slot += 1)
    for (let cpu = 0; cpu < cpus; cpu += 1) count(cpu, slot, { 0: BigInt(slot), 7: BigInt(1000 + cpu) });
  const room = new BigUint64Array(slots * sweptCounterCount);
  counters.sweep(room);
  for (let slot = 0; slot < slots; slot += 1)
    expect([...room.subarray(slot * sweptCounterCount, (slot + 1) * sweptCounterCount)]).toEqual(
      counters.read(slot).slice(0, sweptCounterCount),
    );
});

test('clearing a slot leaves adjacent slots unchanged', () => {
  const all = Object.fromEntries(createZeroSlotCounters().map((_, i) => [i, 9n]));
  for (const slot of [1, 2, 3]) for (let cpu = 0; cpu < cpus; cpu += 1) count(cpu, slot, all);
  counters.clear(2);
  expect(counters.read(2)).toEqual(createZeroSlotCounters());
  expect(counters.read(1)).toEqual(counters.read(3));
  expect(counters.read(1)).toEqual(createZeroSlotCounters().map(() => 9n * BigInt(cpus)));
});

test('slots out of range are rejected', () => {
  expect(() => counters.read(slots)).toThrow(RangeError);
  expect(() => counters.sweep(new BigUint64Array(8), 2)).toThrow(RangeError);
  expect(() => counters.clear(-1)).toThrow(RangeError);
});

test('all pods are sampled every second, a watched one at its own rate until the last watcher leaves', async () => {
  const pods = [podAt(1), podAt(2)];
  const sampler = new CounterSampler(
    { all: () => pods, get: (id) => pods.find((pod) => pod.id === id) },
    counters,
    () => [],
  );
  const samples: CounterSample[] = [];
  const watched: CounterSample[] = [];
  sampler.on('sample', (sample) => samples.push(sample));
  sampler.start();
  try {
    const unwatch = sampler.watch('pod-2', 10, (sample) => watched.push(sample));
    sampler.watch('no-such-pod', 10, () => expect.unreachable());
    await sleep(500);
    count(0, 2, { [counterIndexByName.egressPackets]: 4n });
    await sleep(650);
    unwatch();
    const seen = watched.length;
    await sleep(300);
    expect(watched).toHaveLength(seen);
    expect(seen).toBeGreaterThanOrEqual(6);
    expect(seen).toBeLessThanOrEqual(12);
  } finally {
    sampler.stop();
  }
  expect(samples).toHaveLength(2);
  const decoded = watched.map((sample) => decodeSampleFrame(encodeSampleFrame(sample).buffer as ArrayBuffer));
  expect(decoded.map(({ kind, rows }) => [kind, rows])).toEqual(watched.map(() => [2, 1]));
  expect(decoded[0]!.column('egressPackets')).toEqual(BigUint64Array.of(0n));
  expect(decoded.at(-1)!.column('egressPackets')).toEqual(BigUint64Array.of(4n));
  expect(decoded.every(({ sequence }, i) => i === 0 || sequence > decoded[i - 1]!.sequence)).toBe(true);
  expect(sampler.node).toMatchObject({ cpus: { length: expect.any(Number) }, programs: [] });
  expect(sampler.node!.agent.residentBytes).toBeGreaterThan(10_000_000);
});
