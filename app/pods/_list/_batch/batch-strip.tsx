'use client';

import { Kind } from '../../../_components/kind.tsx';
import { WarningSign } from '../../../_components/warning-sign.tsx';
import { useBatches } from '../../../_lib/batch-queries.ts';
import { Progress } from './progress.tsx';
import {
  batchNumberLabel,
  batchText,
  needsOperator,
  podsToMigrate,
  progressLabel,
  stripTitle,
} from './text.ts';

/** Line for each batch that has not ended, which opens its sheet. */
export function BatchStrip({ open }: { open: (id: string) => void }) {
  const { data: batches = [] } = useBatches();
  return batches
    .filter(({ endedAt }) => endedAt === null)
    .map((batch) => {
      const { id, number, to, state, counts, reason } = batch;
      return (
        <section
          key={id}
          aria-label={batchNumberLabel(number)}
          className="flex min-h-9 flex-wrap items-center gap-x-3 gap-y-1 border-line-1 border-b bg-surface-1 px-(--gutter) py-1.5"
        >
          {needsOperator(batch) && <WarningSign />}
          <span className="flex items-center gap-1.5">
            <b className="font-semibold">{stripTitle(number, podsToMigrate(batch))}</b>
            <Kind kind={to} />
          </span>
          <Progress counts={counts} className="w-40" />
          <span className="text-ink-2 tabular-nums">{progressLabel(counts)}</span>
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
