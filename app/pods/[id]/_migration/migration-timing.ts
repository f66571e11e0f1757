import type { ExecutedStep, Migration, MigrationStep } from '../../../../contract/migration.ts';

/** Time during which a device was up, ms since the migration's start; `to` is null while the device is up. */
export interface DeviceUpInterval {
  from: number;
  to: number | null;
}

/** Data of a migration's timing diagram; all times are in ms since the migration's start. */
export interface MigrationTiming {
  /** End of the timing diagram: the end of the migration, or the current time while it runs. */
  end: number;
  old: DeviceUpInterval;
  new: DeviceUpInterval | null;
  /** Time at which the pod's routes were moved to the new device; `hostRoute` is the time for the host's route. */
  podRoute: number | null;
  hostRoute: number | null;
  verified: number | null;
  /** Time during which both devices were up; null until the old device is removed. */
  bothUp: number | null;
}

const endOf = (step: ExecutedStep | undefined): number | null =>
  step?.startedMs == null || step.durationMs === null ? null : step.startedMs + step.durationMs;

/**
 * Derives a migration's timing from its steps. A step takes effect at its end, when the kernel has acknowledged it.
 * @param elapsed time since the start of a running migration, ms
 */
export function computeMigrationTiming(
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
    // A rolled back device was removed at the end.
    new: made === null ? null : { from: made, to: madeStep?.state === 'undone' ? end : null },
    podRoute: done('routed-pod'),
    hostRoute: done('routed-host'),
    verified: done('verified'),
    bothUp: made === null || removed === null ? null : removed - made,
  };
}

/** Returns the duration of a migration without the wait for packets on the old device, ms; null if unknown. */
export function computeDurationWithoutDrain(
  migration: Pick<Migration, 'steps' | 'durationMs'>,
): number | null {
  const drain = migration.steps.find((step) => step.step === 'drained')?.durationMs;
  return migration.durationMs === null || drain == null ? null : migration.durationMs - drain;
}

/**
 * Returns the labeled ticks of a time axis; the axis ends at the first tick after `end`, and ticks are a 1-2-5 step
 * apart.
 */
export function computeTimingDiagramAxis(end: number): { to: number; ticks: number[] } {
  const rough = Math.max(1, end) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? 10 * power;
  const count = Math.floor(end / step) + 1;
  return { to: count * step, ticks: Array.from({ length: count + 1 }, (_, index) => index * step) };
}
