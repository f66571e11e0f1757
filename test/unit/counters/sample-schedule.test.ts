import { expect, test } from 'vitest';
import {
  isSampleDue,
  SampleSchedule,
  type SampleScheduleClock,
} from '../../../server/counters/sample-schedule.ts';

/** A clock that a test moves: timers fire `late` ms after their time. */
class TestClock implements SampleScheduleClock {
  time = 5000.3;
  late = 0;
  #timer: { at: number; callback: () => void } | null = null;
  now = () => this.time;
  setTimer(ms: number, callback: () => void) {
    this.#timer = { at: this.time + ms, callback };
    return this.#timer;
  }
  clearTimer(timer: unknown): void {
    if (this.#timer === timer) this.#timer = null;
  }
  /** Runs what is due until `ms` from now. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const timer = this.#timer;
      if (timer === null || timer.at + this.late > end) break;
      this.time = Math.max(this.time, timer.at + this.late);
      this.#timer = null;
      timer.callback();
    }
    this.time = end;
  }
}

function started(wanted: (index: number) => boolean) {
  const clock = new TestClock();
  const ticks: number[] = [];
  const schedule = new SampleSchedule(wanted, (index) => ticks.push(index), clock);
  schedule.start();
  return { clock, ticks, schedule };
}
const everySecond = (index: number): boolean => isSampleDue(index, 1);

test.each([1, 2, 3, 4, 5, 7, 10])(
  '%i Hz gives this many points a second, including the whole second',
  (hz) => {
    const points = Array.from({ length: 100 }, (_, i) => i + 1).filter((index) => isSampleDue(index, hz));
    expect(points).toHaveLength(hz * 10);
    expect(points.filter((index) => index % 10 === 0)).toHaveLength(10);
  },
);

test('it ticks on whole seconds after the start', () => {
  const { clock, ticks } = started(everySecond);
  clock.advance(3500);
  expect(ticks).toEqual([10, 20, 30]);
});

test('delays of late timers do not accumulate', () => {
  const { clock, ticks } = started(everySecond);
  clock.late = 30;
  clock.advance(100_031);
  expect(ticks).toHaveLength(100);
});

test('points that a busy process missed are skipped', () => {
  const { clock, ticks } = started(everySecond);
  clock.late = 2500;
  clock.advance(3600);
  clock.late = 0;
  clock.advance(1000);
  expect(ticks).toEqual([10, 40]);
});

test('a refresh takes effect at once, starts with the point just passed, and loses no due point', () => {
  let hz = 1;
  const { clock, ticks, schedule } = started((index) => isSampleDue(index, 1) || isSampleDue(index, hz));
  clock.advance(550);
  hz = 10;
  schedule.refresh();
  clock.advance(250);
  schedule.refresh();
  expect(ticks).toEqual([5, 6, 7, 8]);
  hz = 1;
  clock.time += 200; // the timer of the whole second is due and has not run yet
  schedule.refresh();
  clock.advance(0);
  expect(ticks.at(-1)).toBe(10);
});

test('it can be stopped from within a tick', () => {
  const clock = new TestClock();
  const ticks: number[] = [];
  const schedule: SampleSchedule = new SampleSchedule(
    everySecond,
    (index) => {
      ticks.push(index);
      schedule.stop();
    },
    clock,
  );
  schedule.start();
  clock.advance(5000);
  expect(ticks).toEqual([10]);
});
