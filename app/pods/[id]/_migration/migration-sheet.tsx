'use client';

import { useEffect, useRef, useState } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import type { Migration } from '../../../../contract/migration.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { Sheet } from '../../../_components/sheet.tsx';
import { ApiError } from '../../../_lib/api.ts';
import { useMigration, useMigrationPlan, useStartMigration } from '../../../_lib/migrations.ts';
import { useWatchPod } from '../../../_lib/samples.ts';
import type { SheetControl } from '../_hooks/use-sheet.ts';
import { PlanFooter, PlanView } from './plan-view.tsx';
import { RunFooter, RunView } from './run-view.tsx';
import { SheetHead } from './sheet-head.tsx';
import { useRequestTicks } from './use-request-ticks.ts';
import { migrationAction, migrationTitle } from './words.ts';

interface Props {
  pod: Pod;
  migrations: readonly Migration[];
  sheet: SheetControl;
}

/** Plan, run and result of a migration in one sheet. What it shows is in the address. */
export function MigrationSheet({ pod, migrations, sheet }: Props) {
  const { state } = sheet;
  if (state.show === 'plan')
    return <PlanSheet key={state.to} pod={pod} to={state.to} migrations={migrations} sheet={sheet} />;
  if (state.show === 'migration') return <RunSheet id={state.id} pod={pod} sheet={sheet} />;
  return null;
}

function PlanSheet({ pod, to, migrations, sheet }: Props & { to: DeviceKind }) {
  const start = useStartMigration(pod.id);
  const plan = useMigrationPlan(pod.id, to, !start.isPending && !start.isSuccess);
  const running = migrations.find(({ state }) => state === 'running');
  const confirm = useRef<HTMLButtonElement>(null);
  const [asked, setAsked] = useState(false);
  useWatchPod(pod.id);
  // Samples are taken from the moment the plan is open, so that the first request of the run is among them.
  const ticks = useRequestTicks(pod.number);
  const ready = plan.data?.allowed === true;
  useEffect(() => {
    if (ready) confirm.current?.focus();
  }, [ready]);

  const go = () => {
    setAsked(true);
    start.mutate(to, {
      onSuccess: ({ id }) => sheet.openMigration(id, true),
      onError: (error) => {
        setAsked(false);
        // The journal knows more of a migration that began and failed than the refusal does.
        const failed =
          error instanceof ApiError && error.code === 'migration_failed' ? migrations[0] : undefined;
        if (failed !== undefined && failed.state !== 'done') sheet.openMigration(failed.id, true);
        else void plan.refetch();
      },
    });
  };
  // Its steps come over the stream before the call that started it is answered.
  if (asked && running !== undefined)
    return (
      <Sheet
        open
        onOpenChange={(open) => !open && sheet.close()}
        title={migrationTitle(running)}
        description="The steps of the migration, ticked off as they happen."
        head={<SheetHead pod={pod} from={running.from.kind} to={running.to.kind} />}
        footer={<RunFooter migration={running} pod={pod} sheet={sheet} />}
      >
        <RunView migration={running} pod={pod} ticks={ticks} />
      </Sheet>
    );
  return (
    <Sheet
      open
      onOpenChange={(open) => !open && sheet.close()}
      title={migrationAction(to)}
      description="What will be done, step by step, with the command that does the same. Nothing has been changed yet."
      head={<SheetHead pod={pod} from={plan.data?.from.kind ?? pod.kind} to={to} />}
      footer={
        <PlanFooter
          to={to}
          ready={ready}
          refused={plan.data?.allowed === false}
          pending={asked}
          confirm={confirm}
          onConfirm={go}
          onCancel={sheet.close}
        />
      }
    >
      <PlanView
        pod={pod}
        to={to}
        plan={plan.data}
        error={start.error ?? plan.error}
        retry={() => void plan.refetch()}
        migrations={migrations}
      />
    </Sheet>
  );
}

function RunSheet({ id, pod, sheet }: { id: string; pod: Pod; sheet: SheetControl }) {
  const { data: migration, error } = useMigration(id);
  useWatchPod(migration?.state === 'running' ? pod.id : undefined);
  const ticks = useRequestTicks(pod.number);
  const title =
    migration === undefined
      ? error === null
        ? 'Migration'
        : 'No such migration'
      : migrationTitle(migration);
  return (
    <Sheet
      open
      onOpenChange={(open) => !open && sheet.close()}
      title={title}
      description="The steps of the migration, as the journal has them."
      head={migration && <SheetHead pod={pod} from={migration.from.kind} to={migration.to.kind} />}
      footer={migration && <RunFooter migration={migration} pod={pod} sheet={sheet} />}
    >
      {migration === undefined ? (
        <p className="p-6 text-ink-2" aria-busy={error === null}>
          {error === null ? 'Reading the journal' : error.message}
        </p>
      ) : (
        <RunView migration={migration} pod={pod} ticks={ticks} />
      )}
    </Sheet>
  );
}
