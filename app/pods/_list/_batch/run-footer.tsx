'use client';

import { Pause, Play, RotateCcw, Square } from 'lucide-react';
import type { Batch } from '../../../../contract/batch.ts';
import { Button } from '../../../_components/button.tsx';
import { type BatchCommand, useBatchCommand } from '../../../_lib/batch-queries.ts';
import { clock, count } from '../../../_lib/format.ts';
import { useMissingRole } from '../../../_lib/session-queries.ts';

const icon = { 'aria-hidden': true, className: 'size-3.5', strokeWidth: 1.6 } as const;

/** What can be done with a batch now; when it has ended, who did what when. */
export function RunFooter({ batch, close }: { batch: Batch; close: () => void }) {
  const { mutate, isPending, error } = useBatchCommand(batch.id);
  const lacks = useMissingRole('operator');
  const disabled = isPending || lacks !== null;
  const act = (asked: BatchCommand) => () => mutate(asked);
  const { state, counts, endedAt } = batch;
  const held = state === 'paused' || state === 'interrupted';
  return (
    <>
      <span
        className={`min-w-0 text-12 ${error ? 'text-signal-text' : 'text-muted'}`}
        role={error ? 'alert' : undefined}
      >
        {error?.message ??
          `${lacks === null || batch.endedAt !== null ? '' : `${lacks} `}Batch ${count(batch.number)} · by ${batch.actor} · ${clock(Date.parse(batch.startedAt))}`}
      </span>
      <span className="ml-auto flex flex-wrap justify-end gap-3">
        {/* Stop keeps its place: what is under the pointer after Pause is not it. */}
        {(held || state === 'running') && (
          <Button
            look="destructive"
            size="large"
            disabled={disabled}
            title="What has not begun stays where it is; what runs is ended"
            onClick={act({ act: 'stop' })}
          >
            <Square {...icon} />
            Stop
          </Button>
        )}
        {state === 'running' && (
          <Button size="large" disabled={disabled} onClick={act({ act: 'pause' })}>
            <Pause {...icon} />
            Pause
          </Button>
        )}
        {held && counts.unhealthy > 0 && (
          <Button size="large" disabled={disabled} onClick={act({ act: 'resume', unhealthy: 'retry' })}>
            <RotateCcw {...icon} />
            Retry {counts.unhealthy} unhealthy
          </Button>
        )}
        {held && (
          <Button
            look="primary"
            size="large"
            disabled={disabled}
            onClick={act({ act: 'resume', unhealthy: 'skip' })}
          >
            <Play {...icon} />
            {counts.unhealthy > 0 ? 'Skip and resume' : 'Resume'}
          </Button>
        )}
        {endedAt !== null && (
          <Button look="primary" size="large" onClick={close}>
            Done
          </Button>
        )}
      </span>
    </>
  );
}
