'use client';

import { DeviceKindLabel } from '../../../_components/device-kind.tsx';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { useBatches } from '../../../_lib/batch-queries.ts';
import { BatchProgressBar } from './batch-progress-bar.tsx';
import {
  batchNeedsOperator,
  batchText,
  countPodsToMigrate,
  formatBatchNumber,
  formatBatchProgress,
  formatBatchStripTitle,
} from './text.ts';

/** Shows a line for each batch that has not ended; the line opens the batch's sheet. */
export function RunningBatchStrip({ open }: { open: (id: string) => void }) {
  const { data: batches = [] } = useBatches();
  return batches
    .filter(({ endedAt }) => endedAt === null)
    .map((batch) => {
      const { id, number, to, state, counts, reason } = batch;
      return (
        <section
          key={id}
          aria-label={formatBatchNumber(number)}
          className="flex min-h-9 flex-wrap items-center gap-x-3 gap-y-1 border-line-1 border-b bg-surface-1 px-(--gutter) py-1.5"
        >
          {batchNeedsOperator(batch) && <WarningIcon />}
          <span className="flex items-center gap-1.5">
            <b className="font-semibold">{formatBatchStripTitle(number, countPodsToMigrate(batch))}</b>
            <DeviceKindLabel kind={to} />
          </span>
          <BatchProgressBar counts={counts} className="w-40" />
          <span className="text-ink-2 tabular-nums">{formatBatchProgress(counts)}</span>
          <span className="min-w-0 flex-1 truncate text-12 text-muted" title={reason ?? undefined}>
            {state !== 'running' && `${state}${reason === null ? '' : `: ${reason}`}`}
          </span>
          <button type="button" className="link" onClick={() => open(id)}>
            {batchText.open}
          </button>
        </section>
      );
    });
}
