import { setTimeout as sleep } from 'node:timers/promises';
import type { Migration, MigrationStep } from '../../../contract/migration.ts';
import { asProblem } from '../errors.ts';

/**
 * What a step does to the kernel. Both are idempotent: a step is done again after a crash in the middle of it,
 * and undone when it may have been done in part.
 */
export interface StepAction {
  do(): Promise<void>;
  undo?(): Promise<void>;
}
export type StepActions = Record<MigrationStep, StepAction>;

/** The journal as the run writes it. `save` is durable when it resolves; `emit` only tells. */
export interface Journal {
  save(migration: Migration): Promise<void>;
  emit(migration: Migration): void;
}

/** A forward-only step, and taking back a step, is tried this often before the migration is given up as it stands. */
const tries = 5;
const pauseMs = 20;

/**
 * Runs a migration's pending steps, writing each to the journal before it is done. A failure up to
 * `routed-host` undoes what was done (state `undone`); a later one ends `failed`, the pod on its new device.
 * A journal that cannot be written counts as the failure of the step it was for; after `routed-host` the
 * migration goes on without it, since the pod is better off with one device than with a full disk and two.
 */
export async function runSteps(
  migration: Migration,
  actions: StepActions,
  journal: Journal,
): Promise<Migration> {
  const clock = stopwatch(migration);
  for (const step of migration.steps) {
    if (step.state === 'done') continue;
    step.state = 'running';
    step.startedMs = clock();
    journal.emit(migration);
    try {
      if (step.undoable) await journal.save(migration);
      else await saveOrNote(migration, journal);
      const { do: act } = actions[step.step];
      await (step.undoable ? act() : insist(act));
    } catch (error) {
      step.state = 'failed';
      step.durationMs = clock() - step.startedMs;
      migration.error = { ...asProblem(error), step: step.step };
      if (step.undoable) return undoSteps(migration, actions, journal);
      return finish(migration, 'failed', clock(), journal);
    }
    step.state = 'done';
    step.durationMs = clock() - step.startedMs;
    journal.emit(migration);
  }
  return finish(migration, 'done', clock(), journal);
}

/** Takes back, last first, every step that was begun. A step whose undo fails leaves the migration `failed`. */
export async function undoSteps(
  migration: Migration,
  actions: StepActions,
  journal: Journal,
): Promise<Migration> {
  const clock = stopwatch(migration);
  await saveOrNote(migration, journal);
  for (const step of migration.steps.toReversed()) {
    if (step.state === 'pending' || step.state === 'undone') continue;
    try {
      await insist(async () => actions[step.step].undo?.());
      if (step.state !== 'failed') step.state = 'undone';
    } catch (error) {
      const undoing = asProblem(error);
      const first = migration.error;
      migration.error = {
        ...undoing,
        detail: `${first ? `${first.detail}; and ` : ''}taking back ${step.step}: ${undoing.detail}`,
        step: step.step,
      };
      step.state = 'failed';
      return finish(migration, 'failed', clock(), journal);
    }
    journal.emit(migration);
  }
  return finish(migration, 'undone', clock(), journal);
}

async function insist(act: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (attempt === tries) throw error;
      await sleep(pauseMs);
    }
  }
}

async function finish(
  migration: Migration,
  state: Migration['state'],
  elapsedMs: number,
  journal: Journal,
): Promise<Migration> {
  migration.state = state;
  migration.endedAt = new Date().toISOString();
  migration.durationMs = elapsedMs;
  await saveOrNote(migration, journal);
  journal.emit(migration);
  return migration;
}

async function saveOrNote(migration: Migration, journal: Journal): Promise<void> {
  try {
    await journal.save(migration);
  } catch (error) {
    const step = migration.steps.find((each) => each.state === 'running') ?? migration.steps.at(-1);
    migration.error ??= { ...asProblem(error), step: step?.step ?? 'verified' };
  }
}

/** Milliseconds since the migration started, monotonic within this process. */
function stopwatch(migration: Migration): () => number {
  const before = Math.max(0, Date.now() - Date.parse(migration.startedAt));
  const start = performance.now();
  // Steps of a resumed journal go on from the wall clock; those of a fresh one start at 0.
  const offset = before > 50 ? before : 0;
  return () => Math.round((offset + performance.now() - start) * 1000) / 1000;
}
