'use client';

import { useState } from 'react';
import type { NewBatchInput } from '../../../../contract/batch.ts';
import type { DeviceKind } from '../../../../contract/device.ts';
import type { PodSummary } from '../../../../contract/pod.ts';
import { DeviceKindBadge } from '../../../_components/device-kind.tsx';
import { SideSheet } from '../../../_components/side-sheet.tsx';
import { useBatch, useBatchPlan, useStartBatch } from '../../../_lib/batch-queries.ts';
import { type BatchFormOptions, defaultBatchFormOptions } from './batch-option-fields.tsx';
import { BatchPlanFooter } from './batch-plan-footer.tsx';
import { BatchPlanView } from './batch-plan-view.tsx';
import { BatchRunFooter } from './batch-run-footer.tsx';
import { BatchRunView } from './batch-run-view.tsx';
import { batchText, formatBatchActionLabel, formatBatchTitle } from './text.ts';
import type { BatchSheetControl } from './use-batch-sheet.ts';

interface Props {
  sheet: BatchSheetControl;
  pods: readonly PodSummary[];
  /** Called when the batch has been started; clears the selection of pods. */
  started: () => void;
}

/** Shows the plan, run and result of a batch of migrations in one sheet. */
export function BatchSheet({ sheet, pods, started }: Props) {
  if (sheet.planned !== null)
    return <PlanSheet to={sheet.planned} sheet={sheet} pods={pods} started={started} />;
  return sheet.id === null ? null : <RunSheet id={sheet.id} sheet={sheet} />;
}

function PlanSheet({ to, sheet, pods, started }: Props & { to: DeviceKind }) {
  const [options, setOptions] = useState<BatchFormOptions>(defaultBatchFormOptions);
  const wanted: NewBatchInput = { pods: pods.map(({ id }) => id), to, ...options };
  const { data: plan, error, refetch } = useBatchPlan(wanted);
  const start = useStartBatch();
  const action = formatBatchActionLabel(to, plan?.pods.filter(({ state }) => state === 'waiting') ?? []);
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && sheet.close()}
      title={action}
      description={batchText.planDescription}
      head={<DeviceKindBadge kind={to} />}
      footer={
        <BatchPlanFooter
          plan={plan}
          action={action}
          pending={start.isPending}
          onCancel={sheet.close}
          onConfirm={() =>
            start.mutate(wanted, {
              onSuccess: ({ id }) => {
                started();
                sheet.open(id);
              },
            })
          }
        />
      }
    >
      <BatchPlanView
        plan={plan}
        error={start.error ?? error}
        retry={() => void refetch()}
        options={options}
        change={(change) => setOptions((known) => ({ ...known, ...change }))}
      />
    </SideSheet>
  );
}

function RunSheet({ id, sheet }: { id: string; sheet: BatchSheetControl }) {
  const { data: batch, error } = useBatch(id);
  const title = batch ? formatBatchTitle(batch) : error ? batchText.notFound : batchText.sheet;
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && sheet.close()}
      title={title}
      description={batchText.runDescription}
      head={batch && <DeviceKindBadge kind={batch.to} />}
      footer={batch && <BatchRunFooter batch={batch} close={sheet.close} />}
    >
      {batch === undefined ? (
        <p className="p-6 text-ink-2" aria-busy={error === null}>
          {error === null ? batchText.reading : error.message}
        </p>
      ) : (
        <BatchRunView batch={batch} />
      )}
    </SideSheet>
  );
}
