import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RunStatisticsSwitch } from '../../../server/programs/run-statistics-switch.ts';

let held = 0;
const hold = () => {
  held += 1;
  return () => {
    held -= 1;
  };
};
beforeEach(() => {
  held = 0;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('statistics stay on for 30 s after the last request', () => {
  const statistics = new RunStatisticsSwitch(false, hold);
  expect(statistics.state()).toEqual({ on: false, always: false, until: null, problem: null });
  statistics.keepOn();
  vi.advanceTimersByTime(20_000);
  statistics.keepOn();
  vi.advanceTimersByTime(29_000);
  expect(held).toBe(1);
  expect(statistics.state()).toMatchObject({ on: true, until: new Date(Date.now() + 1_000).toISOString() });
  vi.advanceTimersByTime(2_000);
  expect(held).toBe(0);
  expect(statistics.on).toBe(false);
});

test('statistics that are kept on turn off with the choice or on close', () => {
  const statistics = new RunStatisticsSwitch(true, hold);
  vi.advanceTimersByTime(100_000);
  expect(statistics.state()).toEqual({ on: true, always: true, until: null, problem: null });
  statistics.choose(false);
  expect(held).toBe(0);
  statistics.keepOn();
  statistics.close();
  expect(held).toBe(0);
});

test('a refusal of the kernel is reported, and retried at the next request', () => {
  let refuses = true;
  const statistics = new RunStatisticsSwitch(false, () => {
    if (refuses) throw new Error('turn BPF run statistics on: Operation not permitted (EPERM)');
    return hold();
  });
  statistics.keepOn();
  expect(statistics.state()).toMatchObject({ on: false, problem: expect.stringContaining('EPERM') });
  refuses = false;
  statistics.keepOn();
  expect(statistics.state()).toMatchObject({ on: true, problem: null });
  statistics.close();
});
