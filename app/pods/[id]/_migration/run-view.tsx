'use client';

import { CircleCheck } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Migration } from '../../../../contract/migration.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { NotAvailable } from '../../../_components/number.tsx';
import { WarningSign } from '../../../_components/warning-sign.tsx';
import { count, duration } from '../../../_lib/format.ts';
import { RunSteps } from './run-steps.tsx';
import { migrationTitle } from './text.ts';
import { TimingDiagram } from './timing-diagram.tsx';
import { useElapsed } from './use-elapsed.ts';
import type { RequestTick } from './use-request-ticks.ts';

/** A migration that runs or ran: what it cost, when what happened, and its steps. */
export function RunView({ migration, pod, ticks }: { migration: Migration; pod: Pod; ticks: RequestTick[] }) {
  const elapsed = useElapsed(migration);
  return (
    <>
      <Counters migration={migration} ticks={ticks} elapsed={elapsed} />
      {migration.error !== null && <Failure migration={migration} />}
      <TimingDiagram
        migration={migration}
        elapsed={elapsed}
        ticks={ticks}
        interfaceName={pod.network.interface}
      />
      <RunSteps migration={migration} elapsed={elapsed} />
      <p className="sr-only" role="status">
        {migration.state === 'running' ? '' : migrationTitle(migration)}
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
  ticks: RequestTick[];
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
  const uncounted = running
    ? 'The pod’s traffic reports ten times a second; no report has come yet'
    : 'The pod’s traffic does not count its requests, or did not report in time';
  return (
    <dl className="grid grid-cols-4 border-line-1 border-b max-md:grid-cols-2">
      <Counter label="requests ok">{number(ok, uncounted)}</Counter>
      <Counter label="failed">
        <span className={(failed ?? 0) > 0 ? 'text-signal-text' : ''}>{number(failed, uncounted)}</span>
      </Counter>
      <Counter label="dropped on devices">
        <span
          className={
            result === null || running ? '' : result.deviceDrops > 0 ? 'text-signal-text' : 'text-accent-text'
          }
        >
          {number(result?.deviceDrops ?? null, 'Counted when the migration ends')}
        </span>
        {result !== null && (
          <span className="text-13 text-muted">
            {' '}
            of {count(result.egressPackets + result.ingressPackets)}
          </span>
        )}
      </Counter>
      <Counter label={running ? 'elapsed' : 'took'}>
        <Duration ms={running ? elapsed : (durationMs ?? elapsed)} />
      </Counter>
    </dl>
  );
}

const number = (value: number | null, reason: string): ReactNode =>
  value === null ? <NotAvailable reason={reason} slot={false} /> : count(value);

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
  const [digits, ...unit] = duration(ms).split('\u202f');
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
      <WarningSign className="mt-0.5 size-4" />
      <div className="min-w-0">
        <p className="font-semibold">
          {error.title}, at {error.step}.
        </p>
        <p className="code [overflow-wrap:anywhere]">{error.detail}</p>
        {error.hint !== undefined && <p className="text-ink-2">{error.hint}</p>}
        <p className="text-ink-2">
          {state === 'undone'
            ? `Every step was undone; the pod is on ${from.kind} as before.`
            : 'The pod is on a working device; the journal below says how far it came.'}
        </p>
      </div>
    </div>
  );
}

function Verified({ migration: { result, from, to } }: { migration: Migration }) {
  if (result === null) return null;
  return (
    <p className="flex items-center gap-3 px-6 py-3 max-md:px-4">
      <CircleCheck aria-hidden="true" className="size-4 text-accent-text" strokeWidth={1.6} />
      <span>
        <b className="font-semibold">Verified.</b>{' '}
        <span className="text-ink-2">
          {count(result.ingressPackets)} in and {count(result.egressPackets)} out on {to.primary.name},{' '}
          {result.packetsOnOldDevice === 0 ? 'none' : count(result.packetsOnOldDevice)} on {from.primary.name}{' '}
          after both routes had moved.
        </span>
      </span>
    </p>
  );
}
