import type { RunStatisticsState } from '../../contract/program.ts';
import { setSafeTimeout } from '../async/safe-timers.ts';
import { holdRunStatistics } from '../bpf/run-statistics.ts';

/** Time in ms for which run statistics stay enabled after a call of `keepOn`. */
const keepOnMs = 30_000;

/** Enables the kernel's BPF run statistics: always, or for 30 s after each request. */
export class RunStatisticsSwitch {
  readonly #hold: () => () => void;
  #always: boolean;
  #until = 0;
  #release: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #problem: string | null = null;

  /** Creates a switch. @param hold enables run statistics, and returns a function that disables them */
  constructor(always: boolean, hold = holdRunStatistics) {
    this.#always = always;
    this.#hold = hold;
    this.#update();
  }

  /** Keeps the kernel's run statistics enabled for the next 30 s. */
  keepOn(): void {
    this.#until = Date.now() + keepOnMs;
    this.#update();
  }

  choose(always: boolean): void {
    this.#always = always;
    this.#update();
  }

  get on(): boolean {
    return this.#release !== null;
  }

  state(): RunStatisticsState {
    return {
      on: this.on,
      always: this.#always,
      until: this.on && !this.#always ? new Date(this.#until).toISOString() : null,
      problem: this.#problem,
    };
  }

  close(): void {
    this.#always = false;
    this.#until = 0;
    this.#update();
  }

  #update(): void {
    const leftMs = this.#until - Date.now();
    const wanted = this.#always || leftMs > 0;
    if (!wanted) {
      this.#release?.();
      this.#release = null;
    } else if (this.#release === null) this.#turnOn();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = leftMs > 0 ? setSafeTimeout(() => this.#update(), leftMs + 1).unref() : null;
  }

  #turnOn(): void {
    try {
      this.#release = this.#hold();
      this.#problem = null;
    } catch (error) {
      this.#problem = (error as Error).message;
    }
  }
}
