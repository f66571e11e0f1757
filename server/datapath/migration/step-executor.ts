import type { Migration, MigrationStep } from '../../../contract/migration.ts';
import { retryWithPause } from '../../async/retry.ts';
import { toMigrationProblem } from '../wrap-as-problem.ts';

/**
 * Actions of a migration step. Both are idempotent, because a step may run again or be undone after a crash in its
 * middle.
 */
export interface MigrationStepAction {
  do(): Promise<void>;
  undo?(): Promise<void>;
}
export type MigrationStepActions = Record<MigrationStep, MigrationStepAction>;

/**
 * Records each change of a migration: `save` resolves when the change is durable, and `emit` publishes it to
 * viewers.
 */
export interface MigrationJournal {
  save(migration: Migration): Promise<void>;
  emit(migration: Migration): void;
}

/**
 * Attempts at an undo action, or at a step that cannot be undone, and the pause between two, before the migration
 * fails.
 */
const retries = { attempts: 5, pauseMs: 20 };

/**
 * Runs a migration's pending steps, each journaled before it runs. A failure up to `drained` undoes all steps (state
 * `undone`); after a later one the pod stays on its new device (state `failed`). A journal that cannot be written fails
 * its step; after `drained` the migration continues without it, so that a full disk does not leave the pod with two
 * devices.
 */
export async function runMigrationSteps(
  migration: Migration,
  actions: MigrationStepActions,
  journal: MigrationJournal,
): Promise<Migration> {
  const clock = stopwatch(migration);
  for (const step of migration.steps) {
    if (step.state === 'done') continue;
    step.state = 'running';
    step.startedMs = clock();
    journal.emit(migration);
    try {
      if (step.undoable) await journal.save(migration);
      else await saveOrRecordError(migration, journal);
      const { do: act } = actions[step.step];
      await (step.undoable ? act() : retryWithPause(act, retries));
    } catch (error) {
      step.state = 'failed';
      step.durationMs = clock() - step.startedMs;
      migration.error = { ...toMigrationProblem(error), step: step.step };
      if (step.undoable) return undoMigrationSteps(migration, actions, journal);
      return finish(migration, 'failed', clock(), journal);
    }
    step.state = 'done';
    step.durationMs = clock() - step.startedMs;
    journal.emit(migration);
  }
  return finish(migration, 'done', clock(), journal);
}

/** Undoes all started steps in reverse order. If an undo fails, the migration ends as `failed`. */
export async function undoMigrationSteps(
  migration: Migration,
  actions: MigrationStepActions,
  journal: MigrationJournal,
): Promise<Migration> {
  const clock = stopwatch(migration);
  await saveOrRecordError(migration, journal);
  for (const step of migration.steps.toReversed()) {
    if (step.state === 'pending' || step.state === 'undone') continue;
    try {
      await retryWithPause(async () => actions[step.step].undo?.(), retries);
      if (step.state !== 'failed') step.state = 'undone';
    } catch (error) {
      const undoing = toMigrationProblem(error);
      const first = migration.error;
      migration.error = {
        ...undoing,
        detail: `${first ? `${first.detail}; and ` : ''}undoing ${step.step}: ${undoing.detail}`,
        step: step.step,
      };
      step.state = 'failed';
      return finish(migration, 'failed', clock(), journal);
    }
    journal.emit(migration);
  }
  return finish(migration, 'undone', clock(), journal);
}

async function finish(
  migration: Migration,
  state: Migration['state'],
  elapsedMs: number,
  journal: MigrationJournal,
): Promise<Migration> {
  migration.state = state;
  migration.endedAt = new Date().toISOString();
  migration.durationMs = elapsedMs;
  await saveOrRecordError(migration, journal);
  journal.emit(migration);
  return migration;
}

async function saveOrRecordError(migration: Migration, journal: MigrationJournal): Promise<void> {
  try {
    await journal.save(migration);
  } catch (error) {
    const step = migration.steps.find((each) => each.state === 'running') ?? migration.steps.at(-1);
    migration.error ??= { ...toMigrationProblem(error), step: step?.step ?? 'verified' };
  }
}

/** Returns a function that measures milliseconds since the migration started; monotonic within this process. */
function stopwatch(migration: Migration): () => number {
  const before = Math.max(0, Date.now() - Date.parse(migration.startedAt));
  const start = performance.now();
  // A resumed journal continues from the wall clock; a new one starts at 0.
  const offset = before > 50 ? before : 0;
  return () => Math.round((offset + performance.now() - start) * 1000) / 1000;
}
