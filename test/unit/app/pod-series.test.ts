import { describe, expect, test } from 'vitest';
import { createPodSeries } from '../../../app/_lib/time-series/pod-series.ts';
import { decodeFrame } from '../../../contract/sample-frame.ts';
import { frameAt, type Row } from './frame.ts';

const timeline = (capacity = 10) => {
  const made = createPodSeries({ capacity, periodMs: 1000 });
  const at = (second: number, ...rows: Row[]) => made.push(decodeFrame(frameAt(second, rows)));
  return Object.assign(made, { at });
};
const numbers = (values: Float32Array) => [...values].map((value) => (Number.isNaN(value) ? null : value));

describe('rates', () => {
  test('are differences of totals over the node’s monotonic time, bits eight times the bytes', () => {
    const t = timeline();
    t.at(10, { pod: 1, egressPackets: 100, egressBytes: 1000, ingressDroppedPackets: 5 });
    t.at(12, { pod: 1, egressPackets: 300, egressBytes: 4000, ingressDroppedPackets: 5 });
    expect(t.rates(1)).toMatchObject({
      egressPackets: 100,
      egressBits: 12_000,
      ingressDroppedPackets: 0,
      kind: 'netkit',
    });
  });

  test('are not known from one sample', () => {
    const t = timeline();
    expect(t.rates(1)).toBeNull();
    t.at(1, { pod: 1, egressPackets: 7 });
    expect(t.rates(1)?.egressPackets).toBeNaN();
    expect(t.sums()).toBeNull();
  });

  test('of all pods are summed, a pod that has just come counting nothing', () => {
    const t = timeline();
    t.at(1, { pod: 1, ingressPackets: 0 });
    t.at(2, { pod: 1, ingressPackets: 10 }, { pod: 2, ingressPackets: 1_000_000 });
    expect(t.sums()?.ingressPackets).toBe(10);
    t.at(3, { pod: 1, ingressPackets: 20 }, { pod: 2, ingressPackets: 1_000_005 });
    expect(t.sums()?.ingressPackets).toBe(15);
  });

  test('are one object per frame', () => {
    const t = timeline();
    t.at(1, { pod: 1 });
    t.at(2, { pod: 1 });
    const rates = t.rates(1);
    expect(t.rates(1)).toBe(rates);
    t.at(3, { pod: 1 });
    expect(t.rates(1)).not.toBe(rates);
  });

  test('stay exact for totals above 2^32', () => {
    const t = timeline();
    t.at(1, { pod: 1, ingressBytes: 2 ** 50 });
    t.at(2, { pod: 1, ingressBytes: 2 ** 50 + 1 });
    expect(t.rates(1)?.ingressBits).toBe(8);
  });
});

describe('totals', () => {
  test('never go back, and rates go on from where the counter is', () => {
    const t = timeline();
    t.at(1, { pod: 1, egressPackets: 500 });
    t.at(2, { pod: 1, egressPackets: 100 });
    expect(t.totals(1)?.egressPackets).toBe(500);
    expect(t.rates(1)?.egressPackets).toBeNaN();
    t.at(3, { pod: 1, egressPackets: 150 });
    expect(t.totals(1)?.egressPackets).toBe(500);
    expect(t.rates(1)?.egressPackets).toBe(50);
  });

  test('of requests are null where nobody counts', () => {
    const t = timeline();
    t.at(1, { pod: 1 }, { pod: 2, requestsOk: 9, requestsFailed: 0 });
    expect(t.totals(1)).toMatchObject({ requestsOk: null, requestsFailed: null });
    expect(t.totals(2)).toMatchObject({ requestsOk: 9, requestsFailed: 0 });
    expect(t.total(1, 'requestsOk')).toBeNaN();
  });
});

describe('history', () => {
  test('is aligned with the newest slot, oldest first', () => {
    const t = timeline();
    for (const second of [1, 2, 3]) t.at(second, { pod: 1, ingressPackets: second * second });
    expect(numbers(t.series(1, 'ingressPackets', 4))).toEqual([null, null, 3, 5]);
    const { times } = t.history(1, 4);
    expect(times.slice(1)).toEqual(
      new Float64Array([1_700_000_001_000, 1_700_000_002_000, 1_700_000_003_000]),
    );
  });

  test('leaves missing samples out, and does not draw the mean over the gap', () => {
    const t = timeline();
    t.at(1, { pod: 1, ingressPackets: 0 });
    t.at(2, { pod: 1, ingressPackets: 10 });
    t.at(5, { pod: 1, ingressPackets: 70 });
    t.at(6, { pod: 1, ingressPackets: 90 });
    expect(numbers(t.series(1, 'ingressPackets', 6))).toEqual([null, 10, null, null, null, 20]);
    expect(t.presence(6)).toEqual([true, true, false, false, true, true]);
    expect(t.length).toBe(6);
  });

  test('shows the mean over a gap as the number of now', () => {
    const t = timeline();
    t.at(1, { pod: 1, ingressPackets: 0 });
    t.at(5, { pod: 1, ingressPackets: 40 });
    expect(t.rate(1, 'ingressPackets')).toBe(10);
  });

  test('has a gap where one pod is missing and others are not', () => {
    const t = timeline();
    t.at(1, { pod: 1 }, { pod: 2 });
    t.at(2, { pod: 1, ingressPackets: 4 }, { pod: 2 });
    t.at(3, { pod: 2 });
    t.at(4, { pod: 1, ingressPackets: 8 }, { pod: 2 });
    expect(numbers(t.series(1, 'ingressPackets', 4))).toEqual([null, 4, null, 2]);
  });

  test('keeps the last values when the ring is full, after a long gap too', () => {
    const t = timeline(4);
    for (const second of [1, 2, 3, 4, 5, 6]) t.at(second, { pod: 1, ingressPackets: second * 10 });
    expect(numbers(t.series(1, 'ingressPackets', 6))).toEqual([null, null, 10, 10, 10, 10]);
    t.at(1000, { pod: 1, ingressPackets: 100 });
    expect(numbers(t.series(1, 'ingressPackets', 4))).toEqual([null, null, null, null]);
    t.at(1001, { pod: 1, ingressPackets: 103 });
    expect(numbers(t.series(1, 'ingressPackets', 4))).toEqual([null, null, null, 3]);
  });

  test('tells which device carried the packets', () => {
    const t = timeline();
    for (const [second, kind] of [0, 0, 1, 1].entries()) t.at(second + 1, { pod: 1, kind });
    expect(numbers(t.series(1, 'kind', 4))).toEqual([null, 0, 1, 1]);
    expect(t.rates(1)?.kind).toBe('veth');
  });
});

test('the same frame twice counts once', () => {
  const t = timeline();
  expect(t.at(1, { pod: 1 })).toBe(true);
  expect(t.at(1, { pod: 1 })).toBe(false);
  expect(t.version).toBe(1);
});

test('a node that was booted starts anew', () => {
  const t = timeline();
  t.at(1000, { pod: 1, ingressPackets: 1000 });
  t.at(1001, { pod: 1, ingressPackets: 2000 });
  t.at(5, { pod: 1, ingressPackets: 3 });
  expect(t.rates(1)?.ingressPackets).toBeNaN();
  expect(t.length).toBe(1);
});
