'use client';

import type { PodSummary } from '../../../contract/pod.ts';
import { MigrationStepBar } from '../../_components/migration-step-bar.tsx';
import { WarningSign } from '../../_components/warning-sign.tsx';
import { useMigration } from '../../_lib/migration-queries.ts';

/** What needs an eye on a pod: a migration that runs, else the first sentence of what is not well. */
export function Attention({ pod, short = false }: { pod: PodSummary; short?: boolean }) {
  if (pod.migration !== null) return <Running id={pod.migration} short={short} />;
  const sentences =
    pod.state === 'gone' ? ['its network namespace is gone', ...pod.attention] : pod.attention;
  const [first] = sentences;
  if (first === undefined) return null;
  return (
    <span
      title={sentences.join('\n')}
      className="inline-flex max-w-full items-center gap-1.5 text-12 text-ink-2"
    >
      <WarningSign />
      <span className={short ? 'sr-only' : 'truncate'}>{first}</span>
    </span>
  );
}

function Running({ id, short }: { id: string; short: boolean }) {
  const { data: migration } = useMigration(id);
  if (migration === undefined || migration.state !== 'running') return null;
  const current = migration.steps.findLast(({ state }) => state !== 'pending')?.step ?? 'planned';
  return (
    <span className="inline-flex max-w-full items-center gap-1.5 text-12 text-ink-2">
      <MigrationStepBar steps={migration.steps} />
      <span className={short ? 'sr-only' : 'truncate'}>
        to {migration.to.kind}, {current}
      </span>
    </span>
  );
}
