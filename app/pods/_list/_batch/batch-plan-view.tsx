'use client';

import type { BatchPlan } from '../../../../contract/batch.ts';
import { ErrorState } from '../../../_components/error-state.tsx';
import { SheetSkeleton } from '../../../_components/sheet-skeleton.tsx';
import { type BatchFormOptions, BatchOptionFields } from './batch-option-fields.tsx';
import { BatchPodList } from './batch-pod-list.tsx';
import { batchText, formatPlannedPodState } from './text.ts';

interface Props {
  plan: BatchPlan | undefined;
  error: Error | null;
  retry: () => void;
  options: BatchFormOptions;
  change: (change: Partial<BatchFormOptions>) => void;
}

/** Shows the plan of a batch: its options, and its pods grouped by what will happen to them. */
export function BatchPlanView({ plan, error, retry, options, change }: Props) {
  if (plan === undefined)
    return error === null ? (
      <SheetSkeleton lines={8} />
    ) : (
      <div className="p-6">
        <ErrorState error={error} retry={retry} />
      </div>
    );
  return (
    <>
      {error !== null && (
        <div className="border-signal border-b bg-signal-wash px-6 py-3 max-md:px-4" role="alert">
          <p className="font-semibold">{batchText.unchanged}</p>
          <p className="text-ink-2">{error.message}</p>
        </div>
      )}
      <BatchOptionFields options={options} change={change} to={plan.to} skipped={plan.counts.skipped} />
      <BatchPodList
        pods={plan.pods}
        to={plan.to}
        order={['refused', 'waiting', 'skipped']}
        label={(state) => formatPlannedPodState(state, plan.to)}
      />
    </>
  );
}
