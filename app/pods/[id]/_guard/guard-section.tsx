'use client';

import { lazy, Suspense, useState } from 'react';
import type { PodGuard } from '../../../../contract/guard.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { Button } from '../../../_components/button.tsx';
import { ErrorState } from '../../../_components/error-state.tsx';
import { ValueSkeleton } from '../../../_components/skeleton.tsx';
import { showToast } from '../../../_components/toast.tsx';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { usePodGuard, useResumeGuard, useSetPodGuard } from '../../../_lib/guard-queries.ts';
import { useMissingRoleReason } from '../../../_lib/session-queries.ts';
import { GuardActionList } from './guard-action-list.tsx';
import { GuardSignalsTable } from './signals-table.tsx';
import { formatGuardStage, guardText } from './text.ts';

const ThresholdsSheet = lazy(async () => ({
  default: (await import('./thresholds-sheet.tsx')).GuardThresholdsSheet,
}));

interface Props {
  pod: Pod;
  openMigration: (id: string) => void;
}

/** Shows the status, signals and actions of a pod's guard, and the switch that turns the guard off. */
export function GuardSection({ pod, openMigration }: Props) {
  const gone = pod.state === 'gone';
  const { data: guard, error, refetch } = usePodGuard(pod.id, !gone);
  const [open, setOpen] = useState(false);
  const missingRole = useMissingRoleReason('operator');
  return (
    <section
      aria-labelledby="guard"
      aria-busy={guard === undefined && error === null}
      className="mt-4 min-w-0"
    >
      <div className="flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1">
        <h2 id="guard" className="font-semibold">
          {guardText.title}
        </h2>
        {guard !== undefined && <span className="text-12 text-muted">{formatGuardStage(guard)}</span>}
        <span className="flex-1" />
        {guard !== undefined && !gone && (
          <>
            <Button size="small" onClick={() => setOpen(true)}>
              {guardText.thresholds}
            </Button>
            <Switch pod={pod} guard={guard} missingRole={missingRole} />
          </>
        )}
      </div>
      <div className="border-line-2 border-t">
        {guard !== undefined ? (
          <>
            <Status pod={pod} guard={guard} missingRole={missingRole} />
            {guard.readings.length > 0 && <GuardSignalsTable readings={guard.readings} />}
            <GuardActionList actions={guard.actions} openMigration={openMigration} />
          </>
        ) : gone ? (
          <p className="flex h-9 items-center text-12 text-ink-2">{guardText.gone}</p>
        ) : error !== null ? (
          <div className="pt-3">
            <ErrorState error={error} retry={() => void refetch()} />
          </div>
        ) : (
          <span className="flex h-9 items-center">
            <ValueSkeleton className="w-80" />
          </span>
        )}
      </div>
      {guard !== undefined && open && (
        <Suspense fallback={null}>
          <ThresholdsSheet pod={pod} guard={guard} close={() => setOpen(false)} />
        </Suspense>
      )}
    </section>
  );
}

interface ControlProps {
  pod: Pod;
  guard: PodGuard;
  /** Reason why this session is not allowed to change the guard; null if it is. */
  missingRole: string | null;
}

function Status({ pod, guard, missingRole }: ControlProps) {
  const resume = useResumeGuard(pod.id);
  const canResume = guard.stage === 'left-alone' || guard.stage === 'fallen-back';
  return (
    <div className="flex min-h-9 flex-wrap items-center gap-x-3 gap-y-1 border-line-1 border-b py-1 text-12 text-ink-2">
      {guard.stage === 'left-alone' && <WarningIcon />}
      <p>{guard.status}</p>
      {canResume && (
        <Button
          size="small"
          disabled={resume.isPending || missingRole !== null}
          title={missingRole ?? undefined}
          onClick={() => resume.mutate(undefined, { onError: notifyFailure(guardText.resumeFailed) })}
        >
          {guard.stage === 'left-alone' ? guardText.resume : guardText.dismiss}
        </Button>
      )}
    </div>
  );
}

/** Renders the switch that turns a pod's guard on or off and keeps the pod's other guard settings. */
function Switch({ pod, guard, missingRole }: ControlProps) {
  const choose = useSetPodGuard(pod.id);
  const { on } = guard.thresholds;
  return (
    <Button
      size="small"
      disabled={choose.isPending || missingRole !== null}
      title={missingRole ?? undefined}
      aria-pressed={on}
      onClick={() =>
        choose.mutate({ ...guard.chosen, on: !on }, { onError: notifyFailure(guardText.switchFailed) })
      }
    >
      {on ? guardText.switchOff : guardText.switchOn}
    </Button>
  );
}

const notifyFailure = (title: string) => (error: Error) =>
  showToast({ title, detail: error.message, tone: 'failed' });
