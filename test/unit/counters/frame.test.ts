import { expect, test } from 'vitest';
import { decodeFrame, noValue, sampleColumns } from '../../../contract/sample-frame.ts';
import { counterFields, counterIndex, zeroCounters, sweptWidth } from '../../../server/bpf/counter-layout.ts';
import { sweepReader, slotReader } from '../../../server/counters/slot-reader.ts';
import type { SampledPod } from '../../../server/datapath/datapath.ts';
import { encodeFrame } from '../../../server/stream/sample-frame.ts';

const clock = { sequence: 7n, realtimeNs: 1_800_000_000_000_000_000n, monotonicNs: 123n };

/** Counters in which place `i` of slot `s` is 1000·s + i; slot 0 has none of them. */
const at = (slot: number, i: number): bigint => (slot === 0 ? 0n : BigInt(1000 * slot + i));
const counters = {
  sweep(out: BigUint64Array, end: number): void {
    for (let i = 0; i < end * sweptWidth; i += 1) out[i] = at(Math.floor(i / sweptWidth), i % sweptWidth);
  },
  read: (slot: number): bigint[] => counterFields.map((_, i) => at(slot, i)),
};

const pod = (fields: Partial<SampledPod>): SampledPod => ({
  id: 'pod',
  number: 1,
  slots: [1],
  netnsInode: 4026531999n,
  kind: 'netkit',
  carried: zeroCounters(),
  requests: null,
  ...fields,
});

const read = (pods: SampledPod[]) => {
  const bytes = encodeFrame('all', pods, sweepReader(counters, 5, new BigUint64Array(5 * sweptWidth)), clock);
  const frame = decodeFrame(bytes.buffer);
  return {
    frame,
    row: (row: number) =>
      Object.fromEntries(sampleColumns.map((name) => [name, frame.column(name)[row]])) as Record<
        (typeof sampleColumns)[number],
        bigint
      >,
  };
};

test('the header says what the frame is and when it was read', () => {
  expect(read([pod({}), pod({ number: 2 })]).frame).toMatchObject({
    kind: 1,
    rows: 2,
    ...clock,
    columns: 17,
  });
});

test('a row names the pod, its kind and the device that carries its traffic', () => {
  const { row } = read([pod({ number: 9, slots: [4, 2], kind: 'veth' })]);
  expect(row(0)).toMatchObject({ pod: 9n, slot: 2n, kind: 1n });
});

test('totals are what removed devices carried and live ones counted', () => {
  const carried = zeroCounters();
  carried[counterIndex.packetsOut] = 50n;
  carried[counterIndex.bytesIn] = 2n ** 60n;
  const { row } = read([pod({ carried, slots: [1, 2] })]);
  expect(row(0).packetsOut).toBe(50n + 1000n + 2000n);
  expect(row(0).bytesIn).toBe(2n ** 60n + 1003n + 2003n);
});

test('drops are told by direction and by reason', () => {
  const carried = zeroCounters();
  carried[counterIndex.droppedPacketsOut] = 5n;
  carried[counterIndex.droppedOut + 2] = 5n;
  const { row } = read([pod({ slots: [0], carried }), pod({ slots: [1] })]);
  expect(row(0)).toMatchObject({ droppedOut: 5n, droppedIn: 0n, dropMalformed: 0n, dropSpoofedSource: 5n });
  expect(row(1)).toMatchObject({
    droppedOut: 1006n,
    droppedIn: 1007n,
    dropMalformed: 1008n + 1016n,
    dropUnknownProtocol: 1009n + 1017n,
    dropSpoofedSource: 1010n + 1018n,
  });
});

test('requests nobody counts have no value', () => {
  const { row } = read([pod({}), pod({ requests: { ok: 5, failed: 0 } })]);
  expect(row(0)).toMatchObject({ requestsOk: noValue, requestsFailed: noValue });
  expect(row(1)).toMatchObject({ requestsOk: 5n, requestsFailed: 0n });
});

test('a pod without a device keeps its totals', () => {
  const carried = zeroCounters();
  carried[counterIndex.packetsIn] = 3n;
  expect(read([pod({ slots: [], carried })]).row(0)).toMatchObject({
    packetsIn: 3n,
    packetsOut: 0n,
    slot: 0n,
  });
});

test('a swept reading and a single one say the same', () => {
  const pods = [pod({ slots: [1, 3] })];
  const swept = sweepReader(counters, 4, new BigUint64Array(4 * sweptWidth));
  expect(encodeFrame('all', pods, swept, clock)).toEqual(encodeFrame('all', pods, slotReader(counters), clock));
});

test('no pods make a frame of a header', () => {
  expect(encodeFrame('all', [], slotReader(counters), clock)).toHaveLength(40);
});
