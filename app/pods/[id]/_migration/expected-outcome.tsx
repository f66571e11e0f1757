import type { ReactNode } from 'react';
import type { Migration, MigrationPlan } from '../../../../contract/migration.ts';
import { formatCount, formatDuration } from '../../../_lib/format.ts';
import { formatDeviceNameChange, formatEarlierMigrations, formatSlotChange, migrationText } from './text.ts';

/** Shows what a migration will change, and the results of the pod's earlier migrations to the same device kind. */
export function ExpectedMigrationOutcome({
  plan,
  migrations,
}: {
  plan: MigrationPlan;
  migrations: readonly Migration[];
}) {
  const done = migrations.filter(({ state }) => state === 'done');
  const counted = done.filter(({ result }) => result?.requestsFailed != null);
  const failed = counted.reduce((sum, { result }) => sum + (result?.requestsFailed ?? 0), 0);
  const times = done.map(({ durationMs }) => durationMs ?? 0).sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)];
  const { from, to } = plan;
  // On kernels without tcx the plan's commands use clsact.
  const clsact = plan.steps.some(({ requests }) =>
    requests.some(({ command }) => command.includes('clsact')),
  );
  const hooks =
    to.kind === 'netkit' ? 'netkit/peer, primary' : clsact ? 'tc/ingress, egress' : 'tcx/ingress, egress';
  const cutsSome = plan.items.some(({ kind }) => kind === 'socket' || kind === 'masqueraded connection');
  return (
    <section aria-labelledby="expected">
      <div className="flex h-7 items-center gap-3">
        <h3 id="expected" className="font-semibold">
          {migrationText.expected}
        </h3>
        <span className="truncate text-12 text-muted">{formatEarlierMigrations(done.length, to.kind)}</span>
      </div>
      <dl>
        <Line label={migrationText.device} note={formatSlotChange(from.slot, to.slot)}>
          <span className="code">{formatDeviceNameChange(from.primary.name, to.primary.name)}</span>
        </Line>
        <Line label={migrationText.hooks} note={migrationText.sameCounters}>
          <span className="code">{hooks}</span>
        </Line>
        <Line
          label={migrationText.connections}
          note={cutsSome ? migrationText.stayOpenExceptNamed : migrationText.stayOpen}
        >
          {migrationText.unchangedValue}
        </Line>
        {median !== undefined && (
          <Line label={migrationText.time} note={migrationText.median}>
            {formatDuration(median)}
          </Line>
        )}
        {counted.length > 0 && (
          <Line label={migrationText.requestsFailed} note={`in ${counted.length}`}>
            {formatCount(failed)}
          </Line>
        )}
      </dl>
    </section>
  );
}

function Line({ label, note, children }: { label: string; note: string; children: ReactNode }) {
  return (
    <div className="grid h-5.5 grid-cols-[104px_minmax(0,1fr)_auto] items-center gap-1.5 text-12">
      <dt className="text-muted">{label}</dt>
      <dd className="truncate">{children}</dd>
      <dd className="text-muted">{note}</dd>
    </div>
  );
}
