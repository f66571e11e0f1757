'use client';

import { useState } from 'react';
import type { PodGuard } from '../../../../contract/guard.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { Button } from '../../../_components/button.tsx';
import { ErrorState } from '../../../_components/error-state.tsx';
import { Skeleton } from '../../../_components/skeleton.tsx';
import { notify } from '../../../_components/toast.tsx';
import { WarningSign } from '../../../_components/warning-sign.tsx';
import { usePodGuard, useResumeGuard, useSetPodGuard } from '../../../_lib/guard-queries.ts';
import { useMissingRole } from '../../../_lib/session-queries.ts';
import { GuardActionsList } from './actions-list.tsx';
import { GuardSignalsTable } from './signals-table.tsx';
import { ThresholdsSheet } from './thresholds-sheet.tsx';

interface Props {
  pod: Pod;
  openMigration: (id: string) => void;
}

/** What the guard sees of the pod, what it did, and the switch. */
export function GuardSection({ pod, openMigration }: Props) {
  const gone = pod.state === 'gone';
  const { data: guard, error, refetch } = usePodGuard(pod.id, !gone);
  const [open, setOpen] = useState(false);
  const lacks = useMissingRole('operator');
  return (
    <section
      aria-labelledby="guard"
      aria-busy={guard === undefined && error === null}
      className="mt-4 min-w-0"
    >
      <div className="flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1">
        <h2 id="guard" className="font-semibold">
          Guard
        </h2>
        {guard !== undefined && <span className="text-12 text-muted">{stages[guard.stage](guard)}</span>}
        <span className="flex-1" />
        {guard !== undefined && !gone && (
          <>
            <Button size="small" onClick={() => setOpen(true)}>
              Thresholds
            </Button>
            <Switch pod={pod} guard={guard} lacks={lacks} />
          </>
        )}
      </div>
      <div className="border-line-2 border-t">
        {guard !== undefined ? (
          <>
            <Sentence pod={pod} guard={guard} lacks={lacks} />
            {guard.readings.length > 0 && <GuardSignalsTable readings={guard.readings} />}
            <GuardActionsList actions={guard.actions} openMigration={openMigration} />
          </>
        ) : gone ? (
          <p className="flex h-9 items-center text-12 text-ink-2">The pod is gone.</p>
        ) : error !== null ? (
          <div className="pt-3">
            <ErrorState error={error} retry={() => void refetch()} />
          </div>
        ) : (
          <span className="flex h-9 items-center">
            <Skeleton className="w-80" />
          </span>
        )}
      </div>
      {guard !== undefined && <ThresholdsSheet pod={pod} guard={guard} open={open} onOpenChange={setOpen} />}
    </section>
  );
}

const stages: Record<PodGuard['stage'], (guard: PodGuard) => string> = {
  watching: ({ watched, thresholds }) => (watched ? 'watching' : thresholds.on ? 'not watching' : 'off'),
  'falling-back': () => 'moving the pod to veth',
  'fallen-back': () => 'moved the pod to veth',
  'left-alone': () => 'leaves the pod alone',
};

interface ActProps {
  pod: Pod;
  guard: PodGuard;
  /** Why this session may not act; null when it may. */
  lacks: string | null;
}

function Sentence({ pod, guard, lacks }: ActProps) {
  const resume = useResumeGuard(pod.id);
  const stopped = guard.stage === 'left-alone' || guard.stage === 'fallen-back';
  return (
    <div className="flex min-h-9 flex-wrap items-center gap-x-3 gap-y-1 border-line-1 border-b py-1 text-12 text-ink-2">
      {guard.stage === 'left-alone' && <WarningSign />}
      <p>{guard.status}</p>
      {stopped && (
        <Button
          size="small"
          disabled={resume.isPending || lacks !== null}
          title={lacks ?? undefined}
          onClick={() => resume.mutate(undefined, { onError: failed('The guard does not resume') })}
        >
          {guard.stage === 'left-alone' ? 'Watch again' : 'Dismiss'}
        </Button>
      )}
    </div>
  );
}

/** Off and on for this pod; what else was chosen for it stays. */
function Switch({ pod, guard, lacks }: ActProps) {
  const choose = useSetPodGuard(pod.id);
  const { on } = guard.thresholds;
  return (
    <Button
      size="small"
      disabled={choose.isPending || lacks !== null}
      title={lacks ?? undefined}
      aria-pressed={on}
      onClick={() =>
        choose.mutate({ ...guard.chosen, on: !on }, { onError: failed('The guard was not switched') })
      }
    >
      {on ? 'Switch off' : 'Switch on'}
    </Button>
  );
}

const failed = (title: string) => (error: Error) => notify({ title, detail: error.message, tone: 'failed' });
