import { Check, X } from 'lucide-react';
import { Fragment } from 'react';
import type { ExecutedStep, Migration } from '../../../../contract/migration.ts';
import { formatDuration } from '../../../_lib/format.ts';
import { computeDurationWithoutDrain } from './migration-timing.ts';
import { PointOfNoReturnLine } from './point-of-no-return.tsx';
import {
  findLastUndoableStepIndex,
  formatDurationWithoutDrain,
  formatMigrationStepsDone,
  migrationText,
} from './text.ts';

/** Lists the steps of a migration with their times. A step is ticked once the kernel has acknowledged it. */
export function MigrationRunSteps({ migration, elapsed }: { migration: Migration; elapsed: number }) {
  const { steps } = migration;
  const done = steps.filter(({ state }) => state === 'done').length;
  const rest = computeDurationWithoutDrain(migration);
  return (
    <section aria-labelledby="steps" className="px-6 max-md:px-4">
      <div className="flex h-8 items-center gap-3">
        <h3 id="steps" className="font-semibold">
          {migrationText.steps}
        </h3>
        <span className="text-12 text-muted">
          {formatMigrationStepsDone(done, steps.length)}
          {rest !== null && formatDurationWithoutDrain(formatDuration(rest))}
        </span>
        <span className="flex-1" />
        <span className="w-18 text-right text-11 text-muted">{migrationText.stepTime}</span>
        <span className="w-18 text-right text-11 text-muted max-md:hidden">{migrationText.endedAt}</span>
      </div>
      <ol className="border-line-1 border-t">
        {steps.map((step, index) => (
          <Fragment key={step.step}>
            <StepLine step={step} number={index + 1} elapsed={elapsed} />
            {index === findLastUndoableStepIndex(steps) && <PointOfNoReturnLine />}
          </Fragment>
        ))}
      </ol>
    </section>
  );
}

const look: Record<ExecutedStep['state'], { row: string; name: string; words: string }> = {
  pending: { row: '', name: 'text-muted', words: 'text-muted' },
  running: {
    row: 'bg-surface-2 shadow-[-24px_0_0_var(--surface-2),24px_0_0_var(--surface-2)]',
    name: 'font-semibold text-accent-text',
    words: 'text-ink-2',
  },
  done: { row: '', name: 'font-semibold', words: 'text-ink-2' },
  undone: { row: '', name: 'text-muted line-through', words: 'text-muted' },
  failed: { row: '', name: 'font-semibold text-signal-text', words: 'text-ink-2' },
};

function StepLine({ step, number, elapsed }: { step: ExecutedStep; number: number; elapsed: number }) {
  const { row, name, words } = look[step.state];
  const ran =
    step.state === 'running' && step.startedMs !== null ? Math.max(0, elapsed - step.startedMs) : null;
  const took = step.durationMs ?? ran;
  const ended = step.startedMs === null || step.durationMs === null ? null : step.startedMs + step.durationMs;
  return (
    <li
      aria-current={step.state === 'running' ? 'step' : undefined}
      className={`grid grid-cols-[24px_100px_minmax(0,1fr)_72px_72px] items-center gap-x-3 border-line-1 border-b py-1 max-md:grid-cols-[20px_96px_minmax(0,1fr)_64px] ${row}`}
    >
      <span className="grid justify-end text-right text-12 text-muted tabular-nums">
        {step.state === 'done' ? (
          <Check aria-hidden="true" className="size-3.5 text-accent-text" strokeWidth={2.4} />
        ) : step.state === 'failed' ? (
          <X aria-hidden="true" className="size-3.5 text-signal-text" strokeWidth={2.4} />
        ) : (
          number
        )}
      </span>
      <span className={name}>
        {step.step}
        <span className="sr-only">, {step.state}</span>
      </span>
      <span className={`truncate ${words}`} title={step.description}>
        {step.description}
      </span>
      <span className="text-right text-12 tabular-nums">{took === null ? '' : formatDuration(took)}</span>
      <span className="text-right text-12 text-muted tabular-nums max-md:hidden">
        {ended === null ? '' : `+${ended.toFixed(1)}`}
      </span>
    </li>
  );
}
