import { Undo2 } from 'lucide-react';
import { useEffect, useRef } from 'react';
import type { Migration } from '../../../../contract/migration.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { Button } from '../../../_components/button.tsx';
import { formatClockTime } from '../../../_lib/format.ts';
import { useMissingRoleReason } from '../../../_lib/session-queries.ts';
import {
  findLastUndoableStepIndex,
  formatMigrationStartedBy,
  formatPastNoReturn,
  formatUndoMigrationLabel,
  migrationText,
} from './text.ts';
import type { MigrationSheetControl } from './use-migration-sheet-url.ts';

/**
 * Renders the footer of a migration's sheet: a close button; after the run also the actor, the time and a button that
 * migrates back.
 */
export function MigrationRunFooter({
  migration,
  pod,
  sheet,
}: {
  migration: Migration;
  pod: Pod;
  sheet: MigrationSheetControl;
}) {
  const done = useRef<HTMLButtonElement>(null);
  const { state, from, to } = migration;
  const running = state === 'running';
  const missingRole = useMissingRoleReason('operator');
  useEffect(() => {
    if (!running) done.current?.focus();
  }, [running]);
  if (running) {
    const last = migration.steps[findLastUndoableStepIndex(migration.steps)];
    return (
      <>
        <span className="text-12 text-muted">
          {last?.state === 'done' ? formatPastNoReturn(last.step) : ''}
          {migrationText.closingDoesNotStop}
        </span>
        <span className="flex-1" />
        <Button size="large" onClick={sheet.close}>
          {migrationText.close}
        </Button>
      </>
    );
  }
  return (
    <>
      <span className="text-12 text-muted">
        {formatMigrationStartedBy(
          migration.number,
          migration.actor,
          formatClockTime(Date.parse(migration.startedAt)),
        )}
      </span>
      <span className="flex-1" />
      {state === 'done' && pod.kind === to.kind && pod.state === 'running' && (
        <Button
          size="large"
          disabled={missingRole !== null}
          title={missingRole ?? migrationText.undoDetail}
          onClick={() => sheet.openPlan(from.kind)}
        >
          <Undo2 aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
          {formatUndoMigrationLabel(from.kind)}
        </Button>
      )}
      <Button ref={done} look="primary" size="large" onClick={sheet.close}>
        {migrationText.done}
      </Button>
    </>
  );
}
