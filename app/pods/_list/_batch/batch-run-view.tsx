'use client';

import type { ReactNode } from 'react';
import type { Batch } from '../../../../contract/batch.ts';
import type { BatchPodState } from '../../../../contract/batch-states.ts';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { formatCount, formatElapsedTime } from '../../../_lib/format.ts';
import { useCurrentTime } from '../../../_lib/use-current-time.ts';
import { BatchPodList } from './batch-pod-list.tsx';
import { BatchProgressBar } from './batch-progress-bar.tsx';
import {
  batchNeedsOperator,
  batchPodStateLabels,
  batchText,
  formatBatchOptions,
  formatBatchPodState,
  formatBatchTitle,
} from './text.ts';

const order = Object.keys(batchPodStateLabels) as BatchPodState[];

/** Shows a running or ended batch: its progress, the reason if it is waiting, and its pods. */
export function BatchRunView({ batch }: { batch: Batch }) {
  const { counts, state, reason } = batch;
  const trouble = batchNeedsOperator(batch);
  return (
    <>
      <BatchProgressBar counts={counts} className="block w-full" />
      <dl className="grid grid-cols-4 border-line-1 border-b max-md:grid-cols-2">
        <Counter label={batchText.migrated}>{formatCount(counts.done)}</Counter>
        <Counter label={batchText.inProgress}>{formatCount(counts.running + counts.watched)}</Counter>
        <Counter label={batch.endedAt === null ? batchText.waiting : batchText.notStarted}>
          {formatCount(counts.waiting)}
        </Counter>
        <Counter label={batchText.unhealthy}>
          <span className={counts.unhealthy > 0 ? 'text-signal-text' : ''}>
            {formatCount(counts.unhealthy)}
          </span>
        </Counter>
      </dl>
      {state !== 'running' && state !== 'done' && (
        <div
          role="alert"
          className={`flex gap-3 border-b px-6 py-3 max-md:px-4 ${trouble ? 'border-signal bg-signal-wash' : 'border-line-2 bg-surface-2'}`}
        >
          {trouble && <WarningIcon className="mt-0.5 size-4" />}
          <div className="min-w-0">
            <p className="font-semibold">{batchText[state]}</p>
            {reason !== null && <p className="[overflow-wrap:anywhere]">{reason}</p>}
          </div>
        </div>
      )}
      <p className="px-6 py-2 text-12 text-muted max-md:px-4">
        {formatBatchOptions(batch)} {batch.endedAt === null ? batchText.elapsed : batchText.took}{' '}
        <Elapsed batch={batch} />
      </p>
      <p className="sr-only" role="status">
        {state === 'running' ? '' : formatBatchTitle(batch)}
      </p>
      <BatchPodList
        pods={batch.pods}
        to={batch.to}
        order={order}
        label={(each) => formatBatchPodState(each, batch)}
      />
    </>
  );
}

function Elapsed({ batch: { startedAt, endedAt } }: { batch: Batch }) {
  const now = useCurrentTime();
  const until = endedAt === null ? now : Date.parse(endedAt);
  return (
    <span className="tabular-nums">{formatElapsedTime(Math.max(0, until - Date.parse(startedAt)))}</span>
  );
}

function Counter({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="border-line-1 border-l px-4 py-3 first:border-l-0 first:pl-6 max-md:first:pl-4 max-md:odd:border-l-0">
      <dt className="text-12 text-muted">{label}</dt>
      <dd className="font-[480] text-24 leading-8 tracking-[-.018em] tabular-nums">{children}</dd>
    </div>
  );
}
