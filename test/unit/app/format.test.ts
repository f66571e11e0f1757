import { describe, expect, test } from 'vitest';
import {
  formatClockTime,
  formatCount,
  formatDuration,
  formatElapsedTime,
  formatPercent,
  formatQuantity,
  scaleToSiPrefix,
} from '../../../app/_lib/format.ts';

/** Narrow no-break spaces as plain ones, to be readable here. */
const plain = (text: string) => text.replaceAll('\u202f', ' ');

describe('scaled', () => {
  test.each([
    [0, '0', ''],
    [0.004, '0.1', ''],
    [0.44, '0.4', ''],
    [1, '1', ''],
    [9.94, '9.9', ''],
    [9.96, '10', ''],
    [96.4, '96', ''],
    [842, '842', ''],
    [999.4, '999', ''],
    [999.5, '1.00', 'k'],
    [9640, '9.64', 'k'],
    [9996, '10.0', 'k'],
    [24_100, '24.1', 'k'],
    [99_960, '100', 'k'],
    [999_499, '999', 'k'],
    [999_500, '1.00', 'M'],
    [1_020_000, '1.02', 'M'],
    [9.62e9, '9.62', 'G'],
    [4.2e18, '4200', 'P'],
    [-24_100, '-24.1', 'k'],
  ])('%d is %s %s', (value, digits, prefix) => {
    expect(scaleToSiPrefix(value)).toEqual({ digits, prefix });
  });
});

test('a quantity has a prefix and a unit, pps with a space after its prefix', () => {
  expect(plain(formatQuantity(1_840_000, 'pps'))).toBe('1.84 M pps');
  expect(plain(formatQuantity(9.62e9, 'bit/s'))).toBe('9.62 Gbit/s');
  expect(plain(formatQuantity(842, 'bit/s'))).toBe('842 bit/s');
  expect(plain(formatQuantity(24_100))).toBe('24.1 k');
});

test('counts have thousands commas', () => {
  expect(formatCount(4012)).toBe('4,012');
});

test('per cent have three significant digits', () => {
  expect([0, 0.00001, 0.0031, 0.114, 0.5, 1].map(formatPercent)).toEqual([
    '0',
    '<0.01',
    '0.31',
    '11.4',
    '50.0',
    '100',
  ]);
});

test.each([
  [0.31, '0.31 ms'],
  [3.4, '3.4 ms'],
  [108.6, '108.6 ms'],
  [999.96, '1.0 s'],
  [12_400, '12.4 s'],
  [234_000, '3 min 54 s'],
  [3 * 86_400_000 + 4 * 3_600_000 + 59_000, '3 d 4 h'],
  [2 * 3_600_000, '2 h'],
])('the duration %d is %s', (ms, text) => {
  expect(plain(formatDuration(ms))).toBe(text);
});

test('a span is in whole units', () => {
  expect([400, 12_900, 61_000].map((ms) => plain(formatElapsedTime(ms)))).toEqual([
    '0 s',
    '12 s',
    '1 min 1 s',
  ]);
});

test('a time on another day has a date', () => {
  const now = new Date(2026, 10, 22, 15, 0, 0).getTime();
  expect(formatClockTime(new Date(2026, 10, 22, 14, 6, 32).getTime(), now)).toBe('14:06:32');
  expect(formatClockTime(new Date(2026, 10, 19, 14, 2, 38).getTime(), now)).toBe('19 Nov 14:02:38');
});
