'use client';

import type { PodSummary } from '../../../contract/pod.ts';
import { MigrationStepBar } from '../../_components/migration-step-bar.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { useMigration } from '../../_lib/migration-queries.ts';
import { formatMigratingState, podListText } from './text.ts';

/** Shows a pod's running migration, or otherwise the first of its conditions that need attention. */
export function PodConditionCell({ pod, short = false }: { pod: PodSummary; short?: boolean }) {
  if (pod.migration !== null) return <RunningMigration id={pod.migration} short={short} />;
  const conditions = pod.state === 'gone' ? [podListText.netnsGone, ...pod.attention] : pod.attention;
  const [first] = conditions;
  if (first === undefined) return null;
  return (
    <span
      title={conditions.join('\n')}
      className="inline-flex max-w-full items-center gap-1.5 text-12 text-ink-2"
    >
      <WarningIcon />
      <span className={short ? 'sr-only' : 'truncate'}>{first}</span>
    </span>
  );
}

function RunningMigration({ id, short }: { id: string; short: boolean }) {
  const { data: migration } = useMigration(id);
  if (migration === undefined || migration.state !== 'running') return null;
  const current = migration.steps.findLast(({ state }) => state !== 'pending')?.step ?? 'planned';
  return (
    <span className="inline-flex max-w-full items-center gap-1.5 text-12 text-ink-2">
      <MigrationStepBar steps={migration.steps} />
      <span className={short ? 'sr-only' : 'truncate'}>
        {formatMigratingState(migration.to.kind, current)}
      </span>
    </span>
  );
}
