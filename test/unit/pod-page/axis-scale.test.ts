import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { roundUpToAxisMaximum, updateChartAxisScale } from '../../../app/pods/[id]/_charts/axis-maximum.ts';
import { formatChartAxisLabel } from '../../../app/pods/[id]/_charts/chart-labels.ts';

describe('roundUpToAxisMaximum', () => {
  test.each([
    [0, 1],
    [Number.NaN, 1],
    [1, 1],
    [21_300, 30_000],
    [30_000, 30_000],
    [41, 60],
    [0.3, 0.3],
    [0.72, 0.8],
    [99, 100],
  ])('of %d is %d', (value, top) => {
    expect(roundUpToAxisMaximum(value)).toBeCloseTo(top, 10);
  });

  test('is at least the value, and less than twice the value', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (value) => {
        const top = roundUpToAxisMaximum(value);
        expect(top).toBeGreaterThanOrEqual(value * (1 - 1e-9));
        expect(top).toBeLessThanOrEqual(value * 2.000001);
      }),
    );
  });
});

describe('updateChartAxisScale', () => {
  test('grows at once', () => {
    expect(updateChartAxisScale({ top: 10, lowerSince: 5 }, 25, 6)).toEqual({ top: 30, lowerSince: null });
  });

  test('shrinks only after a lower top was enough for 30 s', () => {
    const first = updateChartAxisScale({ top: 100, lowerSince: null }, 18, 1000);
    expect(first).toEqual({ top: 100, lowerSince: 1000 });
    expect(updateChartAxisScale(first, 18, 30_999).top).toBe(100);
    expect(updateChartAxisScale(first, 18, 31_000)).toEqual({ top: 20, lowerSince: null });
  });

  test('starts the wait again after a high value', () => {
    const waiting = updateChartAxisScale({ top: 100, lowerSince: null }, 18, 1000);
    expect(updateChartAxisScale(waiting, 90, 20_000)).toEqual({ top: 100, lowerSince: null });
  });
});

test('axis labels are round', () => {
  expect([0, 25, 1000, 15_000, 2_000_000].map(formatChartAxisLabel)).toEqual([
    '0',
    '25',
    '1\u00a0k',
    '15\u00a0k',
    '2\u00a0M',
  ]);
});
