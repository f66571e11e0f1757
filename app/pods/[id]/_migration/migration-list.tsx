'use client';

import type { Migration } from '../../../../contract/migration.ts';
import { DeviceKindChangeLabel, deviceKindColorClass } from '../../../_components/device-kind.tsx';
import { formatClockTime, formatDay, formatDuration } from '../../../_lib/format.ts';
import { useCurrentTime } from '../../../_lib/use-current-time.ts';
import { formatFailedRequestCount, formatMigrationOutcome, migrationText } from './text.ts';

/** Lists a pod's migrations, newest first; each opens its own sheet. */
export function MigrationList(props: { migrations: readonly Migration[]; open: (id: string) => void }) {
  const { migrations, open } = props;
  return (
    <section aria-labelledby="migrations" className="min-w-0">
      <div className="flex h-8 items-center gap-3">
        <h2 id="migrations" className="font-semibold">
          {migrationText.list}
        </h2>
        <span className="text-12 text-muted">{summary(migrations)}</span>
      </div>
      <ul className="border-line-2 border-t">
        {migrations.map((migration) => (
          <li key={migration.id} className="border-line-1 border-b">
            <Row migration={migration} open={open} />
          </li>
        ))}
        {migrations.length === 0 && (
          <li className="flex h-9 items-center border-line-1 border-b text-12 text-ink-2">
            {migrationText.noMigrations}
          </li>
        )}
      </ul>
    </section>
  );
}

/** Summarizes the failed requests of all migrations; returns an empty string if none were counted. */
function summary(migrations: readonly Migration[]): string {
  const counted = migrations.filter(
    ({ state, result }) => state === 'done' && result?.requestsFailed != null,
  );
  const failed = counted.reduce((sum, { result }) => sum + (result?.requestsFailed ?? 0), 0);
  if (counted.length === 0) return '';
  return failed === 0 ? migrationText.noFailedRequests : formatFailedRequestCount(failed);
}

function Row({ migration, open }: { migration: Migration; open: (id: string) => void }) {
  const now = useCurrentTime();
  const { from, to, startedAt, durationMs, state, result } = migration;
  const started = Date.parse(startedAt);
  const today = new Date(started).toDateString() === new Date(now).toDateString();
  const bad = state === 'failed' || state === 'undone' || (result?.requestsFailed ?? 0) > 0;
  return (
    <button
      type="button"
      onClick={() => open(migration.id)}
      className="grid h-9 w-full grid-cols-[56px_60px_minmax(0,1fr)_auto_66px] items-center gap-2.5 text-left text-12 hover:bg-surface-2 max-md:grid-cols-[56px_60px_minmax(0,1fr)_66px]"
    >
      <span className="text-muted tabular-nums" title={formatClockTime(started)}>
        {now === 0 || today ? formatClockTime(started, started) : formatDay(started)}
      </span>
      <DeviceKindChangeLabel from={from.kind} to={to.kind} />
      <span className="truncate">
        <span className={bad ? 'text-signal-text' : ''}>{formatMigrationOutcome(migration)}</span>{' '}
        <span className="text-muted">by {migration.actor}</span>
      </span>
      <Levels migration={migration} />
      <span className="text-right tabular-nums">{durationMs === null ? '' : formatDuration(durationMs)}</span>
    </button>
  );
}

/** Draws the times during which the old and the new device were up, not to scale: the old device above the new one. */
function Levels({ migration: { from, to, state, steps } }: { migration: Migration }) {
  const made = steps.some(({ step, state: is }) => step === 'made' && is !== 'pending');
  const stayed = state === 'undone' || state === 'failed';
  return (
    <svg width="96" height="20" viewBox="0 0 96 20" aria-hidden="true" className="max-md:hidden">
      <path
        className={`${deviceKindColorClass(from.kind)} stroke-kind`}
        strokeWidth="1.5"
        fill="none"
        d={stayed ? 'M0 2H96' : 'M0 2H62V7H96'}
      />
      <path
        className={`${deviceKindColorClass(to.kind)} stroke-kind`}
        strokeWidth="1.5"
        fill="none"
        d={made ? (stayed ? 'M0 18H20V12H50V18H96' : 'M0 18H20V12H96') : 'M0 18H96'}
      />
    </svg>
  );
}
