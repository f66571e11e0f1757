import type { BpfProgram } from '../../contract/program.ts';

/** Run count and run time of a BPF program since it was loaded, counted only while run statistics were enabled. */
export interface ProgramRunTotals {
  id: number;
  runCount: number;
  runTimeNs: number;
}

interface Reading {
  atMs: number;
  runs: ReadonlyMap<number, ProgramRunTotals>;
}

/** Computes runs per second and time per run of BPF programs from readings about one second apart. */
export class ProgramRunRates {
  #before: Reading | null = null;
  #last: Reading | null = null;

  read(runs: readonly ProgramRunTotals[], atMs: number): void {
    this.#before = this.#last;
    this.#last = { atMs, runs: new Map(runs.map((each) => [each.id, each])) };
  }

  /**
   * Discards both readings after run statistics were disabled, because the next reading cannot be compared with them.
   */
  forget(): void {
    this.#before = null;
    this.#last = null;
  }

  /** Returns the run rate of a program; null if there are fewer than two readings. */
  of(id: number): BpfProgram['rate'] {
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
