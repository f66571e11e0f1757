'use client';

import { Pause, Play, RotateCcw, Square } from 'lucide-react';
import type { Batch } from '../../../../contract/batch.ts';
import { Button } from '../../../_components/button.tsx';
import { type BatchCommand, useBatchCommand } from '../../../_lib/batch-queries.ts';
import { formatClockTime } from '../../../_lib/format.ts';
import { useMissingRoleReason } from '../../../_lib/session-queries.ts';
import { batchText, formatBatchStartedBy, formatRetryUnhealthyLabel } from './text.ts';

const icon = { 'aria-hidden': true, className: 'size-3.5', strokeWidth: 1.6 } as const;

/** Renders the footer of a batch's sheet: actions on the batch, and who started it and when. */
export function BatchRunFooter({ batch, close }: { batch: Batch; close: () => void }) {
  const { mutate, isPending, error } = useBatchCommand(batch.id);
  const missingRole = useMissingRoleReason('operator');
  const disabled = isPending || missingRole !== null;
  const send = (command: BatchCommand) => () => mutate(command);
  const { state, counts, endedAt } = batch;
  const isHeld = state === 'paused' || state === 'interrupted';
  return (
    <>
      <span
        className={`min-w-0 text-12 ${error ? 'text-signal-text' : 'text-muted'}`}
        role={error ? 'alert' : undefined}
      >
        {error?.message ??
          `${missingRole === null || batch.endedAt !== null ? '' : `${missingRole} `}${formatBatchStartedBy(batch.number, batch.actor, formatClockTime(Date.parse(batch.startedAt)))}`}
      </span>
      <span className="ml-auto flex flex-wrap justify-end gap-3">
        {/* Stop keeps its position, so that it is not under the pointer after a click on Pause. */}
        {(isHeld || state === 'running') && (
          <Button
            look="destructive"
            size="large"
            disabled={disabled}
            title={batchText.stopDetail}
            onClick={send({ act: 'stop' })}
          >
            <Square {...icon} />
            {batchText.stop}
          </Button>
        )}
        {state === 'running' && (
          <Button size="large" disabled={disabled} onClick={send({ act: 'pause' })}>
            <Pause {...icon} />
            {batchText.pause}
          </Button>
        )}
        {isHeld && counts.unhealthy > 0 && (
          <Button size="large" disabled={disabled} onClick={send({ act: 'resume', unhealthy: 'retry' })}>
            <RotateCcw {...icon} />
            {formatRetryUnhealthyLabel(counts.unhealthy)}
          </Button>
        )}
        {isHeld && (
          <Button
            look="primary"
            size="large"
            disabled={disabled}
            onClick={send({ act: 'resume', unhealthy: 'skip' })}
          >
            <Play {...icon} />
            {counts.unhealthy > 0 ? batchText.skipAndResume : batchText.resume}
          </Button>
        )}
        {endedAt !== null && (
          <Button look="primary" size="large" onClick={close}>
            {batchText.done}
          </Button>
        )}
      </span>
    </>
  );
}
