'use client';

import type { RunStatisticsState } from '../../../contract/program.ts';
import { showToast } from '../../_components/toast.tsx';
import { useMissingRoleReason } from '../../_lib/session-queries.ts';
import { useOptimisticSwitch } from '../../_lib/use-optimistic-switch.ts';
import { useKeepRunStatsEnabled } from '../program-queries.ts';
import { programsText } from '../text.ts';

/** Renders the switch that keeps the kernel's run stats enabled, and shows whether they are enabled now. */
export function RunStatsSwitch({ statistics }: { statistics: RunStatisticsState }) {
  const keep = useKeepRunStatsEnabled();
  const missingRole = useMissingRoleReason('operator');
  const { on, always, problem } = statistics;
  const { checked, pending, choose } = useOptimisticSwitch(always, (chosen) =>
    keep.mutateAsync(chosen, {
      onError: ({ message }) =>
        showToast({ tone: 'failed', title: programsText.runStatsFailed, detail: message }),
    }),
  );
  const state =
    problem ??
    (always ? programsText.runStatsAlways : on ? programsText.runStatsWhileOpen : programsText.runStatsOff);
  return (
    <div className="flex flex-wrap items-center gap-x-3 text-12">
      <span className="text-muted lg:max-xl:hidden">{state}</span>
      <label
        className={`inline-flex h-(--control) items-center gap-1.5 ${missingRole === null ? 'cursor-pointer text-ink-2' : 'text-muted'}`}
        title={missingRole ?? programsText.runStatsCost}
      >
        <input
          type="checkbox"
          className="size-3.5 accent-accent"
          checked={checked}
          disabled={pending || missingRole !== null}
          onChange={(event) => choose(event.target.checked)}
        />
        {programsText.keepRunStats}
      </label>
      {missingRole !== null && <span className="text-muted max-md:w-full">{missingRole}</span>}
    </div>
  );
}
