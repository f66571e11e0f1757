import { describe, expect, test } from 'vitest';
import { createPodTimeSeries } from '../../../app/_lib/time-series/pod-series.ts';
import { decodeSampleFrame } from '../../../contract/sample-frame.ts';
import { frameAt, type Row } from './frame.ts';

const testSeries = (capacity = 10, longCapacity = capacity) => {
  const made = createPodTimeSeries({ capacity, longCapacity, periodMs: 1000 });
  const at = (second: number, ...rows: Row[]) => made.push(decodeSampleFrame(frameAt(second, rows)));
  return Object.assign(made, { at });
};
const numbers = (values: Float32Array) => [...values].map((value) => (Number.isNaN(value) ? null : value));

describe('rates', () => {
  test('are differences of totals over the node’s monotonic time, bits eight times the bytes', () => {
    const t = testSeries();
    t.at(10, { pod: 1, egressPackets: 100, egressBytes: 1000, ingressDroppedPackets: 5 });
    t.at(12, { pod: 1, egressPackets: 300, egressBytes: 4000, ingressDroppedPackets: 5 });
    expect(t.rates(1)).toMatchObject({
      egressPackets: 100,
      egressBits: 12_000,
      ingressDroppedPackets: 0,
      kind: 'netkit',
    });
  });

  test('are unknown after one sample', () => {
    const t = testSeries();
    expect(t.rates(1)).toBeNull();
    t.at(1, { pod: 1, egressPackets: 7 });
    expect(t.rates(1)?.egressPackets).toBeNaN();
    expect(t.sums()).toBeNull();
  });

  test('of all pods are summed; a new pod counts nothing', () => {
    const t = testSeries();
    t.at(1, { pod: 1, ingressPackets: 0 });
    t.at(2, { pod: 1, ingressPackets: 10 }, { pod: 2, ingressPackets: 1_000_000 });
    expect(t.sums()?.ingressPackets).toBe(10);
    t.at(3, { pod: 1, ingressPackets: 20 }, { pod: 2, ingressPackets: 1_000_005 });
    expect(t.sums()?.ingressPackets).toBe(15);
  });

  test('are one object per frame', () => {
    const t = testSeries();
    t.at(1, { pod: 1 });
    t.at(2, { pod: 1 });
    const rates = t.rates(1);
    expect(t.rates(1)).toBe(rates);
    t.at(3, { pod: 1 });
    expect(t.rates(1)).not.toBe(rates);
  });

  test('stay exact for totals above 2^32', () => {
    const t = testSeries();
    t.at(1, { pod: 1, ingressBytes: 2 ** 50 });
    t.at(2, { pod: 1, ingressBytes: 2 ** 50 + 1 });
    expect(t.rates(1)?.ingressBits).toBe(8);
  });
});

describe('totals', () => {
  test('never decrease, and rates continue from the counter’s value', () => {
    const t = testSeries();
    t.at(1, { pod: 1, egressPackets: 500 });
    t.at(2, { pod: 1, egressPackets: 100 });
    expect(t.total(1, 'egressPackets')).toBe(500);
    expect(t.rates(1)?.egressPackets).toBeNaN();
    t.at(3, { pod: 1, egressPackets: 150 });
    expect(t.total(1, 'egressPackets')).toBe(500);
    expect(t.rates(1)?.egressPackets).toBe(50);
  });

  test('of requests are NaN if nobody counts them', () => {
    const t = testSeries();
    t.at(1, { pod: 1 }, { pod: 2, requestsOk: 9, requestsFailed: 0 });
    expect(t.total(1, 'requestsOk')).toBeNaN();
    expect(t.total(1, 'requestsFailed')).toBeNaN();
    expect(t.total(2, 'requestsOk')).toBe(9);
    expect(t.total(2, 'requestsFailed')).toBe(0);
  });
});

describe('history', () => {
  test('is aligned with the newest slot, oldest first', () => {
    const t = testSeries();
    for (const second of [1, 2, 3]) t.at(second, { pod: 1, ingressPackets: second * second });
    expect(numbers(t.values(1, 'ingressPackets', 4))).toEqual([null, null, 3, 5]);
    const { times } = t.history(1, 4);
    expect(times.slice(1)).toEqual(
      new Float64Array([1_700_000_001_000, 1_700_000_002_000, 1_700_000_003_000]),
    );
  });

  test('has no value for missing samples, nor the mean over the gap', () => {
    const t = testSeries();
    t.at(1, { pod: 1, ingressPackets: 0 });
    t.at(2, { pod: 1, ingressPackets: 10 });
    t.at(5, { pod: 1, ingressPackets: 70 });
    t.at(6, { pod: 1, ingressPackets: 90 });
    expect(numbers(t.values(1, 'ingressPackets', 6))).toEqual([null, 10, null, null, null, 20]);
    expect(t.presence(6)).toEqual([true, true, false, false, true, true]);
    expect(t.length).toBe(6);
  });

  test('returns the mean over a gap as the latest rate', () => {
    const t = testSeries();
    t.at(1, { pod: 1, ingressPackets: 0 });
    t.at(5, { pod: 1, ingressPackets: 40 });
    expect(t.rate(1, 'ingressPackets')).toBe(10);
  });

  test('has a gap where one pod is missing and others are not', () => {
    const t = testSeries();
    t.at(1, { pod: 1 }, { pod: 2 });
    t.at(2, { pod: 1, ingressPackets: 4 }, { pod: 2 });
    t.at(3, { pod: 2 });
    t.at(4, { pod: 1, ingressPackets: 8 }, { pod: 2 });
    expect(numbers(t.values(1, 'ingressPackets', 4))).toEqual([null, 4, null, 2]);
  });

  test('keeps the last values when the ring is full, after a long gap too', () => {
    const t = testSeries(4);
    for (const second of [1, 2, 3, 4, 5, 6]) t.at(second, { pod: 1, ingressPackets: second * 10 });
    expect(numbers(t.values(1, 'ingressPackets', 6))).toEqual([null, null, 10, 10, 10, 10]);
    t.at(1000, { pod: 1, ingressPackets: 100 });
    expect(numbers(t.values(1, 'ingressPackets', 4))).toEqual([null, null, null, null]);
    t.at(1001, { pod: 1, ingressPackets: 103 });
    expect(numbers(t.values(1, 'ingressPackets', 4))).toEqual([null, null, null, 3]);
  });

  test('of a pod that is kept longer goes on where the others end, with what was stored before', () => {
    const t = testSeries(3, 6);
    for (const second of [1, 2, 3]) t.at(second, { pod: 1, ingressPackets: second * 10 }, { pod: 2 });
    t.keepLonger(1);
    for (const second of [4, 5, 6, 7])
      t.at(second, { pod: 1, ingressPackets: second * 11 }, { pod: 2, ingressPackets: second });
    expect(numbers(t.values(1, 'ingressPackets', 6))).toEqual([10, 10, 14, 11, 11, 11]);
    expect(numbers(t.values(2, 'ingressPackets', 6))).toEqual([null, null, null, 1, 1, 1]);
  });

  test('tells which kind of device carried the packets', () => {
    const t = testSeries();
    for (const [second, kind] of [0, 0, 1, 1].entries()) t.at(second + 1, { pod: 1, kind });
    expect(numbers(t.values(1, 'kind', 4))).toEqual([null, 0, 1, 1]);
    expect(t.rates(1)?.kind).toBe('veth');
  });
});

test('the same frame twice counts once', () => {
  const t = testSeries();
  expect(t.at(1, { pod: 1 })).toBe(true);
  expect(t.at(1, { pod: 1 })).toBe(false);
  expect(t.version).toBe(1);
});

test('a rebooted node starts with no samples', () => {
  const t = testSeries();
  t.at(1000, { pod: 1, ingressPackets: 1000 });
  t.at(1001, { pod: 1, ingressPackets: 2000 });
  t.at(5, { pod: 1, ingressPackets: 3 });
  expect(t.rates(1)?.ingressPackets).toBeNaN();
  expect(t.length).toBe(1);
});
