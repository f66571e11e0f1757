import { setSafeTimeout } from '../async/safe-timers.ts';

/** Number of points per second in the time grid on which all samples are taken. */
export const sampleGridHz = 10;
const gridMs = 1000 / sampleGridHz;

/**
 * Returns true if a watcher at `hz` samples per second gets a sample at grid point `index`. Every watcher gets one at
 * whole seconds.
 */
export const isSampleDue = (index: number, hz: number): boolean =>
  Math.floor((index * hz) / sampleGridHz) !== Math.floor(((index - 1) * hz) / sampleGridHz);

export interface SampleScheduleClock {
  /** Returns the monotonic time in ms. */
  now(): number;
  setTimer(ms: number, callback: () => void): unknown;
  clearTimer(timer: unknown): void;
}

const realClock: SampleScheduleClock = {
  now: () => performance.now(),
  setTimer: (ms, callback) => setSafeTimeout(callback, ms),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/**
 * Calls `tick` with the index of each grid point, 10 a second, for which `wanted` returns true. The grid starts with the
 * schedule, so delays do not add up; points that a busy process missed are skipped.
 */
export class SampleSchedule {
  readonly #wanted: (index: number) => boolean;
  readonly #tick: (index: number) => void;
  readonly #clock: SampleScheduleClock;
  #start = 0;
  #timer: unknown = null;
  #last = 0;

  constructor(
    wanted: (index: number) => boolean,
    tick: (index: number) => void,
    clock: SampleScheduleClock = realClock,
  ) {
    this.#wanted = wanted;
    this.#tick = tick;
    this.#clock = clock;
  }

  start(): void {
    if (this.#timer !== null) return;
    this.#start = this.#clock.now();
    this.#last = 0;
    this.#arm();
  }

  stop(): void {
    if (this.#timer !== null) this.#clock.clearTimer(this.#timer);
    this.#timer = null;
  }

  /** Restarts the timer after the wanted sample rates changed, because a grid point may now be due earlier. */
  refresh(): void {
    if (this.#timer === null) return;
    this.#clock.clearTimer(this.#timer);
    this.#arm();
  }

  #arm(): void {
    const elapsed = this.#clock.now() - this.#start;
    let index = Math.max(this.#last + 1, Math.floor(elapsed / gridMs));
    while (!this.#wanted(index)) index += 1;
    this.#timer = this.#clock.setTimer(Math.max(0, index * gridMs - elapsed), () => {
      // A timer may fire a fraction early.
      if (this.#clock.now() - this.#start < index * gridMs - 1) return this.#arm();
      this.#last = index;
      try {
        this.#tick(index);
      } finally {
        // A sample that failed is skipped.
        if (this.#timer !== null) this.#arm();
      }
    });
  }
}
