'use client';

import { useEffect, useRef, useState } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import type { Migration } from '../../../../contract/migration.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { SideSheet } from '../../../_components/side-sheet.tsx';
import { ApiError } from '../../../_lib/api.ts';
import { useMigration, useMigrationPlan, useStartMigration } from '../../../_lib/migration-queries.ts';
import { MigrationPlanFooter } from './migration-plan-footer.tsx';
import { MigrationPlanView } from './migration-plan-view.tsx';
import { MigrationRunFooter } from './migration-run-footer.tsx';
import { MigrationRunView } from './migration-run-view.tsx';
import { MigrationSheetHeader } from './migration-sheet-header.tsx';
import { formatMigrateButtonLabel, formatMigrationTitle, migrationText } from './text.ts';
import { useAcceptedItems } from './use-accepted-items.ts';
import type { MigrationSheetControl } from './use-migration-sheet-url.ts';
import { usePodRequestTicks } from './use-request-counts.ts';

interface Props {
  pod: Pod;
  migrations: readonly Migration[];
  sheet: MigrationSheetControl;
}

/**
 * Shows the plan, run and result of a migration in one sheet, whose state is stored in the URL. The pod's requests are
 * counted from the moment the plan is open, so that the run's first request is included.
 */
export function MigrationSheet({ pod, migrations, sheet }: Props) {
  const { state } = sheet;
  const ticks = usePodRequestTicks(pod, state.show !== 'nothing');
  const start = useStart(pod, migrations, sheet);
  const shown = state.show === 'migration' ? state.id : (start.begun?.id ?? null);
  const { data = start.begun, error } = useMigration(shown);
  const to = state.show === 'plan' ? state.to : null;
  const plan = useMigrationPlan(pod.id, to ?? 'veth', to !== null && !start.asked);
  const acceptance = useAcceptedItems(plan.data, to);
  const confirm = useRef<HTMLButtonElement>(null);
  const checkbox = useRef<HTMLInputElement>(null);
  const planned = shown === null && to !== null;
  const allowed = planned && plan.data?.allowed === true;
  const mustAccept = acceptance.required.length > 0;
  useEffect(() => {
    if (allowed && !start.asked) (mustAccept ? checkbox : confirm).current?.focus();
  }, [allowed, mustAccept, start.asked]);
  if (state.show === 'nothing') return null;

  if (planned) {
    const ready = allowed && acceptance.complete;
    const onConfirm = () => {
      // What was accepted is outdated if the agent refuses it.
      if (!start.asked) start.go(to, acceptance.required, () => acceptance.choose(false));
    };
    return (
      <SideSheet
        open
        onOpenChange={(open) => !open && sheet.close()}
        title={formatMigrateButtonLabel(to)}
        description={migrationText.planDescription}
        head={<MigrationSheetHeader pod={pod} from={plan.data?.from.kind ?? pod.kind} to={to} />}
        footer={
          <MigrationPlanFooter
            to={to}
            ready={ready}
            refused={plan.data?.allowed === false}
            unaccepted={acceptance.complete ? 0 : acceptance.required.length}
            pending={start.asked}
            confirm={confirm}
            onConfirm={onConfirm}
            onCancel={sheet.close}
          />
        }
      >
        <MigrationPlanView
          to={to}
          plan={plan.data}
          error={start.error ?? plan.error}
          retry={() => void plan.refetch()}
          migrations={migrations}
          acceptance={acceptance}
          checkbox={checkbox}
          onConfirm={onConfirm}
        />
      </SideSheet>
    );
  }
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && sheet.close()}
      title={
        data === undefined
          ? error === null
            ? migrationText.sheet
            : migrationText.notFound
          : formatMigrationTitle(data)
      }
      description={migrationText.runDescription}
      head={data && <MigrationSheetHeader pod={pod} from={data.from.kind} to={data.to.kind} />}
      footer={data && <MigrationRunFooter migration={data} pod={pod} sheet={sheet} />}
    >
      {data === undefined ? (
        <p className="p-6 text-ink-2" aria-busy={error === null}>
          {error === null ? migrationText.reading : error.message}
        </p>
      ) : (
        <MigrationRunView migration={data} ticks={ticks} />
      )}
    </SideSheet>
  );
}

/**
 * Returns the function that starts a migration. `begun` is the started migration, which the live connection may report
 * before the response arrives.
 */
function useStart(pod: Pod, migrations: readonly Migration[], sheet: MigrationSheetControl) {
  const { mutate, error, reset } = useStartMigration(pod.id);
  const [before, setBefore] = useState<ReadonlySet<string> | null>(null);
  const { show } = sheet.state;
  useEffect(() => {
    if (show === 'plan') return;
    setBefore(null);
    reset();
  }, [show, reset]);
  const begun = before === null ? undefined : migrations.find(({ id }) => !before.has(id));
  const latest = useRef(begun);
  useEffect(() => {
    latest.current = begun;
  }, [begun]);
  return {
    asked: before !== null,
    begun,
    error,
    /** @param outdated called if the plan no longer names all that would be changed or lost; it is read again */
    go: (to: DeviceKind, accept: readonly string[], outdated: () => void) => {
      setBefore(new Set(migrations.map(({ id }) => id)));
      mutate(
        { to, accept },
        {
          onSuccess: ({ id }) => sheet.openMigration(id, true),
          onError: (refusal) => {
            if (refusal instanceof ApiError && refusal.code === 'loss_not_accepted') outdated();
            // The journal of a migration that began and failed says more than the error does.
            const failed =
              refusal instanceof ApiError && refusal.code === 'migration_failed' ? latest.current : undefined;
            if (failed === undefined) setBefore(null);
            else sheet.openMigration(failed.id, true);
          },
        },
      );
    },
  };
}
