import type { Migration, MigrationStep, RunStep } from '../../../../contract/migration.ts';

/** A level that is high from `from` to `to`, in ms since the migration started; null where not known yet. */
export interface Level {
  from: number;
  to: number | null;
}

/** What the timing view draws, all in ms since the migration started. */
export interface MigrationTiming {
  /** Where the drawing ends: the end of the last step, or now. */
  end: number;
  old: Level;
  new: Level | null;
  /** When the route in the pod, and the one on the host, went over to the new device. */
  podRoute: number | null;
  hostRoute: number | null;
  verified: number | null;
  /** How long both devices were up; null before the old one was removed. */
  bothUp: number | null;
}

const endOf = (step: RunStep | undefined): number | null =>
  step?.startedMs == null || step.durationMs === null ? null : step.startedMs + step.durationMs;

/**
 * Reads the timing out of the steps. A step's effect counts from its end: that is when the kernel has answered.
 * @param elapsed ms since the start, for a migration that still runs
 */
export function migrationTiming(
  migration: Pick<Migration, 'steps' | 'state' | 'durationMs'>,
  elapsed: number,
): MigrationTiming {
  const done = (name: MigrationStep): number | null => {
    const step = migration.steps.find((candidate) => candidate.step === name);
    return step?.state === 'done' ? endOf(step) : null;
  };
  const madeStep = migration.steps.find(({ step }) => step === 'made');
  const made = madeStep?.state === 'done' || madeStep?.state === 'undone' ? endOf(madeStep) : null;
  const removed = done('removed');
  const running = migration.state === 'running';
  const last = Math.max(0, ...migration.steps.map((step) => endOf(step) ?? 0));
  const end = running ? Math.max(elapsed, last) : (migration.durationMs ?? last);
  return {
    end,
    old: { from: 0, to: removed },
    // What was undone was taken away at the end.
    new: made === null ? null : { from: made, to: madeStep?.state === 'undone' ? end : null },
    podRoute: done('routed-pod'),
    hostRoute: done('routed-host'),
    verified: done('verified'),
    bothUp: made === null || removed === null ? null : removed - made,
  };
}

/** Time the migration took without the wait for packets still on the old device. */
export function durationWithoutDrain(migration: Pick<Migration, 'steps' | 'durationMs'>): number | null {
  const drain = migration.steps.find((step) => step.step === 'drained')?.durationMs;
  return migration.durationMs === null || drain == null ? null : migration.durationMs - drain;
}

/** Ends the axis at the next 1, 2 or 5 step after `end` and gives the labelled ticks. */
export function timeAxis(end: number): { to: number; ticks: number[] } {
  const rough = Math.max(1, end) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? 10 * power;
  const count = Math.floor(end / step) + 1;
  return { to: count * step, ticks: Array.from({ length: count + 1 }, (_, index) => index * step) };
}
