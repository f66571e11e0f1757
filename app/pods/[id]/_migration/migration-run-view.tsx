'use client';

import { CircleCheck } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Migration } from '../../../../contract/migration.ts';
import { NotAvailableNumber } from '../../../_components/number-display.tsx';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { formatCount, formatDuration } from '../../../_lib/format.ts';
import { MigrationRunSteps } from './migration-run-steps.tsx';
import {
  formatKernelDrops,
  formatMigrationFailureTitle,
  formatMigrationTitle,
  formatOutOfPackets,
  formatRolledBackNotice,
  formatVerifiedTraffic,
  migrationText,
} from './text.ts';
import { MigrationTimingDiagram } from './timing-diagram.tsx';
import { useMigrationElapsedTime } from './use-migration-elapsed-time.ts';
import type { RequestCountTick } from './use-request-counts.ts';

/** Shows a running or ended migration: counters, timing diagram and steps. */
export function MigrationRunView({ migration, ticks }: { migration: Migration; ticks: RequestCountTick[] }) {
  const elapsed = useMigrationElapsedTime(migration);
  return (
    <>
      <Counters migration={migration} ticks={ticks} elapsed={elapsed} />
      {migration.error !== null && <Failure migration={migration} />}
      <MigrationTimingDiagram migration={migration} elapsed={elapsed} ticks={ticks} />
      <MigrationRunSteps migration={migration} elapsed={elapsed} />
      <p className="sr-only" role="status">
        {migration.state === 'running' ? '' : formatMigrationTitle(migration)}
      </p>
      {migration.state === 'done' && <Verified migration={migration} />}
    </>
  );
}

function Counters({
  migration,
  ticks,
  elapsed,
}: {
  migration: Migration;
  ticks: RequestCountTick[];
  elapsed: number;
}) {
  const { result, state, durationMs, startedAt } = migration;
  const start = Date.parse(startedAt);
  const during = ticks.filter(({ time }) => time > start);
  const sum = (field: 'ok' | 'failed') =>
    during.length === 0 ? null : during.reduce((total, tick) => total + tick[field], 0);
  const running = state === 'running';
  const ok = result?.requestsOk ?? (running ? sum('ok') : null);
  const failed = result?.requestsFailed ?? (running ? sum('failed') : null);
  const kernelDrops = result === null ? null : formatKernelDrops(result);
  const uncounted = running ? migrationText.noReportYet : migrationText.noRequestCounts;
  return (
    <dl className="grid grid-cols-4 border-line-1 border-b max-md:grid-cols-2">
      <Counter label={migrationText.requestsSucceeded}>{number(ok, uncounted)}</Counter>
      <Counter label={migrationText.failed}>
        <span className={(failed ?? 0) > 0 ? 'text-signal-text' : ''}>{number(failed, uncounted)}</span>
      </Counter>
      <Counter label={migrationText.deviceDrops}>
        <span
          className={
            result === null || running ? '' : result.deviceDrops > 0 ? 'text-signal-text' : 'text-accent-text'
          }
        >
          {number(result?.deviceDrops ?? null, migrationText.countedAtEnd)}
        </span>
        {result !== null && (
          <span className="text-13 text-muted">
            {formatOutOfPackets(result.egressPackets + result.ingressPackets)}
            {kernelDrops !== null && <span className="block text-signal-text">{kernelDrops}</span>}
          </span>
        )}
      </Counter>
      <Counter label={running ? migrationText.elapsed : migrationText.duration}>
        <Duration ms={running ? elapsed : (durationMs ?? elapsed)} />
      </Counter>
    </dl>
  );
}

const number = (value: number | null, reason: string): ReactNode =>
  value === null ? <NotAvailableNumber reason={reason} slot={false} /> : formatCount(value);

function Counter({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="border-line-1 border-l px-4 py-3 first:border-l-0 first:pl-6 max-md:odd:border-l-0">
      <dt className="text-12 text-muted">{label}</dt>
      <dd className="whitespace-nowrap font-[480] text-24 leading-8 tracking-[-.018em] tabular-nums">
        {children}
      </dd>
    </div>
  );
}

function Duration({ ms }: { ms: number }) {
  const [digits, ...unit] = formatDuration(ms).split('\u202f');
  return (
    <>
      {digits}
      <span className="ml-[3px] font-normal text-13 text-muted tracking-normal">{unit.join('\u202f')}</span>
    </>
  );
}

function Failure({ migration: { error, state, from } }: { migration: Migration }) {
  if (error === null) return null;
  return (
    <div role="alert" className="flex gap-3 border-signal border-b bg-signal-wash px-6 py-3 max-md:px-4">
      <WarningIcon className="mt-0.5 size-4" />
      <div className="min-w-0">
        <p className="font-semibold">{formatMigrationFailureTitle(error.title, error.step)}</p>
        <p className="code [overflow-wrap:anywhere]">{error.detail}</p>
        {error.hint !== undefined && <p className="text-ink-2">{error.hint}</p>}
        <p className="text-ink-2">
          {state === 'undone' ? formatRolledBackNotice(from.kind) : migrationText.workingDevice}
        </p>
      </div>
    </div>
  );
}

function Verified({ migration: { result } }: { migration: Migration }) {
  if (result === null) return null;
  return (
    <p className="flex items-center gap-3 px-6 py-3 max-md:px-4">
      <CircleCheck aria-hidden="true" className="size-4 text-accent-text" strokeWidth={1.6} />
      <span>
        <b className="font-semibold">{migrationText.verified}</b>{' '}
        <span className="text-ink-2">
          {formatVerifiedTraffic({
            ingress: result.ingressPackets,
            egress: result.egressPackets,
            onOldDevice: result.packetsOnOldDevice,
          })}
        </span>
      </span>
    </p>
  );
}
