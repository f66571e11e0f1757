import type { ReactNode } from 'react';
import type { Migration, MigrationPlan } from '../../../../contract/migration.ts';
import { count, duration } from '../../../_lib/format.ts';

/** What will be different, and what this pod's earlier migrations to that kind came to. Nothing else is promised. */
export function ExpectedOutcome({
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
  // Kernels without tcx have the older hooks, and the plan's commands say so.
  const clsact = plan.steps.some(({ requests }) =>
    requests.some(({ command }) => command.includes('clsact')),
  );
  const hooks =
    to.kind === 'netkit' ? 'netkit/peer, primary' : clsact ? 'tc/ingress, egress' : 'tcx/ingress, egress';
  return (
    <section aria-labelledby="expected">
      <div className="flex h-7 items-center gap-3">
        <h3 id="expected" className="font-semibold">
          Expected
        </h3>
        <span className="truncate text-12 text-muted">
          {done.length === 0
            ? `no migration to ${to.kind} yet`
            : `from ${done.length} of this pod to ${to.kind}`}
        </span>
      </div>
      <dl>
        <Line label="device" note={`slot ${from.slot}, then ${to.slot}`}>
          <span className="code">
            {from.primary.name}, then {to.primary.name}
          </span>
        </Line>
        <Line label="hooks" note="same counters">
          <span className="code">{hooks}</span>
        </Line>
        <Line label="address, TCP" note="stay open">
          unchanged
        </Line>
        {median !== undefined && (
          <Line label="time" note="median">
            {duration(median)}
          </Line>
        )}
        {counted.length > 0 && (
          <Line label="requests failed" note={`in ${counted.length}`}>
            {count(failed)}
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
