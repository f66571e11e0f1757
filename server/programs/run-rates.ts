import type { Program } from '../../contract/program.ts';

/** What a program has run since it was loaded, while statistics were on. */
export interface RunTotals {
  id: number;
  runCount: number;
  runTimeNs: number;
}

interface Reading {
  atMs: number;
  runs: ReadonlyMap<number, RunTotals>;
}

/** What programs do in a second, from two readings about a second apart. Pure: time is given. */
export class RunRates {
  #before: Reading | null = null;
  #last: Reading | null = null;

  read(runs: readonly RunTotals[], atMs: number): void {
    this.#before = this.#last;
    this.#last = { atMs, runs: new Map(runs.map((each) => [each.id, each])) };
  }

  /** Statistics were off: what comes is not to be compared with what was. */
  forget(): void {
    this.#before = null;
    this.#last = null;
  }

  /** Null before a program's second reading. */
  of(id: number): Program['rate'] {
    const [before, last] = [this.#before?.runs.get(id), this.#last?.runs.get(id)];
    const ms = (this.#last?.atMs ?? 0) - (this.#before?.atMs ?? 0);
    if (before === undefined || last === undefined || ms <= 0) return null;
    const runs = Math.max(0, last.runCount - before.runCount);
    const ns = Math.max(0, last.runTimeNs - before.runTimeNs);
    return {
      runsPerSecond: (runs * 1000) / ms,
      nsPerRun: runs === 0 ? null : ns / runs,
      cpu: ns / (ms * 1e6),
    };
  }
}
