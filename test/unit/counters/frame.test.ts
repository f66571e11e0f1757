import { expect, test } from 'vitest';
import { decodeFrame, noValue, sampleColumns } from '../../../contract/sample.ts';
import { counterFields, field, noCounters } from '../../../server/counters/fields.ts';
import { encodeFrame, type SampledPod } from '../../../server/counters/frame.ts';

const clock = { sequence: 7n, realtimeNs: 1_800_000_000_000_000_000n, monotonicNs: 123n };

/** Counters in which place `i` of slot `s` is 1000·s + i. */
const counters = {
  sweep(slots: Uint32Array, out: BigUint64Array): void {
    slots.forEach((slot, row) => {
      for (let i = 0; i < counterFields.length; i += 1)
        out[row * counterFields.length + i] = BigInt(1000 * slot + i);
    });
  },
};

const pod = (fields: Partial<SampledPod>): SampledPod => ({
  id: 'pod',
  number: 1,
  slots: [1],
  kind: 'netkit',
  carried: noCounters(),
  requests: null,
  ...fields,
});

const read = (pods: SampledPod[]) => {
  const bytes = encodeFrame('all', pods, counters, clock);
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
    columns: 15,
  });
});

test('a row names the pod, its kind and the device that carries its traffic', () => {
  const { row } = read([pod({ number: 9, slots: [4, 2], kind: 'veth' })]);
  expect(row(0)).toMatchObject({ pod: 9n, slot: 2n, kind: 1n });
});

test('totals are what removed devices carried and live ones counted', () => {
  const carried = noCounters();
  carried[field.packetsOut] = 50n;
  carried[field.bytesIn] = 2n ** 60n;
  const { row } = read([pod({ carried, slots: [1, 2] })]);
  expect(row(0).packetsOut).toBe(50n + 1000n + 2000n);
  expect(row(0).bytesIn).toBe(2n ** 60n + 1003n + 2003n);
});

test('drops are summed by direction and by reason', () => {
  const { row } = read([pod({ slots: [0] })]);
  expect(row(0)).toMatchObject({
    droppedOut: 8n + 9n + 10n,
    droppedIn: 16n + 17n + 18n,
    dropMalformed: 8n + 16n,
    dropUnknownProtocol: 9n + 17n,
    dropSpoofedSource: 10n + 18n,
  });
});

test('requests nobody counts have no value', () => {
  const { row } = read([pod({}), pod({ requests: { ok: 5, failed: 0 } })]);
  expect(row(0)).toMatchObject({ requestsOk: noValue, requestsFailed: noValue });
  expect(row(1)).toMatchObject({ requestsOk: 5n, requestsFailed: 0n });
});

test('a pod without a device keeps its totals', () => {
  const carried = noCounters();
  carried[field.packetsIn] = 3n;
  expect(read([pod({ slots: [], carried })]).row(0)).toMatchObject({
    packetsIn: 3n,
    packetsOut: 0n,
    slot: 0n,
  });
});

test('no pods make a frame of a header', () => {
  expect(encodeFrame('all', [], counters, clock)).toHaveLength(40);
});
