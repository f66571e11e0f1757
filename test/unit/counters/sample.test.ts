import { expect, test } from 'vitest';
import {
  decodeSampleFrame,
  missingSampleFrameValue,
  sampleFrameColumns,
} from '../../../contract/sample-frame.ts';
import {
  counterIndexByName,
  createZeroSlotCounters,
  sweptCounterCount,
} from '../../../server/bpf/counter-layout.ts';
import { readPodSamples } from '../../../server/counters/sample.ts';
import {
  createSlotCounterReader,
  createSweepCounterReader,
  type SlotCounterReader,
} from '../../../server/counters/slot-counter-reader.ts';
import type { SampledPod } from '../../../server/datapath/sampled-pod.ts';
import { encodeSampleFrame } from '../../../server/stream/encode-sample-frame.ts';

const clock = { sequence: 7n, realtimeNs: 1_800_000_000_000_000_000n, monotonicNs: 123n };

/** Counters whose value at index `i` of slot `s` is 1000·s + i; those of slot 0 are 0. */
const at = (slot: number, i: number): bigint => (slot === 0 ? 0n : BigInt(1000 * slot + i));
const counters = {
  sweep(out: BigUint64Array, end: number): void {
    for (let i = 0; i < end * sweptCounterCount; i += 1)
      out[i] = at(Math.floor(i / sweptCounterCount), i % sweptCounterCount);
  },
  read: (slot: number): bigint[] => createZeroSlotCounters().map((_, i) => at(slot, i)),
};

const pod = (fields: Partial<SampledPod>): SampledPod => ({
  id: 'pod',
  number: 1,
  slots: [1],
  netnsInode: 4026531999n,
  kind: 'netkit',
  carried: createZeroSlotCounters(),
  requests: null,
  ...fields,
});

const encode = (pods: SampledPod[], reader: SlotCounterReader): Uint8Array =>
  encodeSampleFrame({ scope: 'all', ...clock, pods: readPodSamples(pods, reader) });

const read = (pods: SampledPod[]) => {
  const bytes = encode(
    pods,
    createSweepCounterReader(counters, 5, new BigUint64Array(5 * sweptCounterCount)),
  );
  const frame = decodeSampleFrame(bytes.buffer as ArrayBuffer);
  return {
    frame,
    row: (row: number) =>
      Object.fromEntries(sampleFrameColumns.map((name) => [name, frame.column(name)[row]])) as Record<
        (typeof sampleFrameColumns)[number],
        bigint
      >,
  };
};

test('the header holds the kind, the size and the time of the sample', () => {
  expect(read([pod({}), pod({ number: 2 })]).frame).toMatchObject({
    kind: 1,
    rows: 2,
    ...clock,
    columns: 23,
  });
});

test('a row names the pod, its kind and the slot of its newest device', () => {
  const { row } = read([pod({ number: 9, slots: [4, 2], kind: 'veth' })]);
  expect(row(0)).toMatchObject({ pod: 9n, slot: 2n, kind: 1n });
});

test('totals are the sums over removed and live devices', () => {
  const carried = createZeroSlotCounters();
  carried[counterIndexByName.egressPackets] = 50n;
  carried[counterIndexByName.ingressBytes] = 2n ** 60n;
  const { row } = read([pod({ carried, slots: [1, 2] })]);
  expect(row(0).egressPackets).toBe(50n + 1000n + 2000n);
  expect(row(0).ingressBytes).toBe(2n ** 60n + 1003n + 2003n);
});

test('drops are counted by direction and by reason', () => {
  const carried = createZeroSlotCounters();
  carried[counterIndexByName.egressDroppedPackets] = 5n;
  carried[counterIndexByName['egressDroppedPackets.spoofed_source']] = 5n;
  const { row } = read([pod({ slots: [0], carried }), pod({ slots: [1] })]);
  expect(row(0)).toMatchObject({
    egressDroppedPackets: 5n,
    ingressDroppedPackets: 0n,
    'egressDroppedPackets.malformed': 0n,
    'ingressDroppedPackets.malformed': 0n,
    'egressDroppedPackets.spoofed_source': 5n,
    'ingressDroppedPackets.spoofed_source': 0n,
  });
  expect(row(1)).toMatchObject({
    egressDroppedPackets: 1006n,
    ingressDroppedPackets: 1007n,
    'egressDroppedPackets.malformed': 1008n,
    'ingressDroppedPackets.malformed': 1016n,
    'egressDroppedPackets.unknown_protocol': 1009n,
    'ingressDroppedPackets.unknown_protocol': 1017n,
    'egressDroppedPackets.spoofed_source': 1010n,
    'ingressDroppedPackets.spoofed_source': 1018n,
  });
});

test('a pod without test traffic has no value for requests', () => {
  const { row } = read([pod({}), pod({ requests: { ok: 5, failed: 0 } })]);
  expect(row(0)).toMatchObject({
    requestsOk: missingSampleFrameValue,
    requestsFailed: missingSampleFrameValue,
  });
  expect(row(1)).toMatchObject({ requestsOk: 5n, requestsFailed: 0n });
});

test('a pod without a device keeps its totals', () => {
  const carried = createZeroSlotCounters();
  carried[counterIndexByName.ingressPackets] = 3n;
  expect(read([pod({ slots: [], carried })]).row(0)).toMatchObject({
    ingressPackets: 3n,
    egressPackets: 0n,
    slot: 0n,
  });
});

test('a sweep and single reads give the same frame', () => {
  const pods = [pod({ slots: [1, 3] })];
  const swept = createSweepCounterReader(counters, 4, new BigUint64Array(4 * sweptCounterCount));
  expect(encode(pods, swept)).toEqual(encode(pods, createSlotCounterReader(counters)));
});

test('a sample of no pods is a header alone', () => {
  expect(encode([], createSlotCounterReader(counters))).toHaveLength(40);
});
