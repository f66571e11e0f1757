import { Undo2 } from 'lucide-react';
import { useEffect, useRef } from 'react';
import type { Migration } from '../../../../contract/migration.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { Button } from '../../../_components/button.tsx';
import { clock, count } from '../../../_lib/format.ts';
import { useMissingRole } from '../../../_lib/session-queries.ts';
import { undoLabel } from './text.ts';
import type { MigrationSheetControl } from './use-migration-sheet.ts';

/** While it runs: what closing means. Afterwards: who, when, and the way back. */
export function RunFooter({
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
  const lacks = useMissingRole('operator');
  useEffect(() => {
    if (!running) done.current?.focus();
  }, [running]);
  if (running) {
    const past = migration.steps.some((step) => step.step === 'routed-host' && step.state === 'done');
    return (
      <>
        <span className="text-12 text-muted">
          {past ? 'Past routed-host: the rest only goes forward. ' : ''}Closing this sheet does not stop it.
        </span>
        <span className="flex-1" />
        <Button size="large" onClick={sheet.close}>
          Close
        </Button>
      </>
    );
  }
  return (
    <>
      <span className="text-12 text-muted">
        Journal {count(migration.number)} · by {migration.actor} · {clock(Date.parse(migration.startedAt))}
      </span>
      <span className="flex-1" />
      {state === 'done' && pod.kind === to.kind && pod.state === 'running' && (
        <Button
          size="large"
          disabled={lacks !== null}
          title={lacks ?? 'A new migration the other way; its plan comes first'}
          onClick={() => sheet.openPlan(from.kind)}
        >
          <Undo2 aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
          {undoLabel(from.kind)}
        </Button>
      )}
      <Button ref={done} look="primary" size="large" onClick={sheet.close}>
        Done
      </Button>
    </>
  );
}
