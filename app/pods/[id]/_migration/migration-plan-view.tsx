'use client';

import { Copy } from 'lucide-react';
import { Fragment, type RefObject } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import type { Migration, MigrationPlan, PlannedStep } from '../../../../contract/migration.ts';
import { listChecksWithoutItems } from '../../../../contract/migration-items.ts';
import { Button } from '../../../_components/button.tsx';
import { CopyButton } from '../../../_components/copy-button.tsx';
import { ErrorState } from '../../../_components/error-state.tsx';
import { SheetSkeleton } from '../../../_components/sheet-skeleton.tsx';
import { ApiError } from '../../../_lib/api.ts';
import { ExpectedMigrationOutcome } from './expected-outcome.tsx';
import { NotCarriedSection } from './not-carried-section.tsx';
import { PointOfNoReturnLine } from './point-of-no-return.tsx';
import { PreflightCheckList } from './preflight-checks.tsx';
import {
  findLastUndoableStepIndex,
  formatCopyStepCommandLabel,
  formatMigrationStepsSummary,
  migrationText,
} from './text.ts';
import type { AcceptedItems } from './use-accepted-items.ts';

/** Shows the checks, items and steps of a planned migration, each step with the equivalent command. */
export function MigrationPlanView(props: {
  to: DeviceKind;
  plan: MigrationPlan | undefined;
  error: Error | null;
  retry: () => void;
  migrations: readonly Migration[];
  acceptance: AcceptedItems;
  checkbox: RefObject<HTMLInputElement | null>;
  onConfirm: () => void;
}) {
  const { to, plan, error, retry, migrations, acceptance, checkbox, onConfirm } = props;
  if (error !== null && plan === undefined)
    return (
      <div className="p-6">
        <ErrorState error={error} retry={retry} />
      </div>
    );
  if (plan === undefined) return <SheetSkeleton lines={10} />;
  return (
    <>
      {error !== null && <Refusal error={error} />}
      <div className="grid grid-cols-2 gap-x-8 border-line-1 border-b px-6 py-2 max-md:grid-cols-1 max-md:px-4">
        <PreflightCheckList checks={listChecksWithoutItems(plan)} />
        <ExpectedMigrationOutcome
          plan={plan}
          migrations={migrations.filter((migration) => migration.to.kind === to)}
        />
      </div>
      {(plan.allowed || plan.items.length > 0) && (
        <NotCarriedSection
          items={plan.items}
          acceptance={acceptance}
          checkbox={checkbox}
          onConfirm={onConfirm}
        />
      )}
      <section className="px-6 pb-6 max-md:px-4" aria-labelledby="plan">
        <div className="flex h-7.5 items-center gap-3">
          <h3 id="plan" className="font-semibold">
            {migrationText.plan}
          </h3>
          <span className="truncate text-12 text-muted">
            {formatMigrationStepsSummary(plan.steps.length)}
          </span>
          <span className="flex-1" />
          <CopyScript script={plan.script} />
        </div>
        <ol className="border-line-1 border-t">
          {plan.steps.map((step, index) => (
            <Fragment key={step.step}>
              <Step step={step} number={index + 1} />
              {index === findLastUndoableStepIndex(plan.steps) && <PointOfNoReturnLine />}
            </Fragment>
          ))}
        </ol>
      </section>
    </>
  );
}

/** Says why a migration was not started. The plan is read again after each refusal. */
function Refusal({ error }: { error: Error }) {
  const changed = error instanceof ApiError && error.code === 'loss_not_accepted';
  return (
    <div className="border-signal border-b bg-signal-wash px-6 py-3 max-md:px-4" role="alert">
      <p className="font-semibold">{changed ? migrationText.planChanged : migrationText.unchanged}</p>
      <p className="text-ink-2 [overflow-wrap:anywhere]">
        {changed ? migrationText.planReadAgain : error.message}
      </p>
    </div>
  );
}

function CopyScript({ script }: { script: string }) {
  return (
    <Button look="quiet" size="small" onClick={() => void navigator.clipboard.writeText(script)}>
      <Copy aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
      {migrationText.copyScript}
    </Button>
  );
}

function Step({ step, number }: { step: PlannedStep; number: number }) {
  const { requests } = step;
  const commands = requests.map(({ command }) => command).join('\n');
  return (
    <li className="grid grid-cols-[24px_100px_minmax(0,1fr)_auto] gap-x-3 border-line-1 border-b pt-1.5 pb-[5px] max-md:grid-cols-[20px_minmax(0,1fr)_auto]">
      <span className="text-right text-12 text-muted leading-5 tabular-nums">{number}</span>
      <span className="font-semibold">{step.step}</span>
      <span className="text-ink-2 max-md:col-span-2 max-md:col-start-2">{step.description}</span>
      <span className="-my-1 row-start-1 col-start-4 max-md:col-start-3">
        {requests.length > 0 && (
          <CopyButton
            text={commands}
            what={formatCopyStepCommandLabel(step.step)}
            className="size-6! text-muted"
          />
        )}
      </span>
      <div className="col-span-2 col-start-3 max-md:col-start-2">
        {requests.map(({ command, words }) => (
          <code
            key={command}
            title={words}
            className="block pl-3.5 -indent-3.5 font-mono text-[11.5px] leading-[18px] [overflow-wrap:anywhere]"
          >
            <span aria-hidden="true" className="inline-block w-3.5 select-none indent-0 text-muted">
              #
            </span>
            {command}
          </code>
        ))}
        {requests.length === 0 && (
          <span className="font-mono text-[11.5px] text-muted">{migrationText.journalOnly}</span>
        )}
      </div>
    </li>
  );
}
