'use client';

import Link from 'next/link';
import { useMemo, useState } from 'react';
import type { DraftRules } from '../../../contract/rules.ts';
import type { Verdict, VerdictFilter } from '../../../contract/verdict.ts';
import { Button } from '../../_components/button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { DataTable } from '../../_components/table/data-table.tsx';
import { useDraftRules } from '../../_lib/rule-queries.ts';
import { useVerdicts } from '../../_lib/use-verdicts.ts';
import { verdictColumns } from '../../verdicts/_list/verdict-columns.tsx';
import { VerdictLogFooter } from '../../verdicts/_list/verdict-log-footer.tsx';
import { useAutoPause } from '../../verdicts/_list/use-auto-pause.ts';
import { VerdictSheet } from '../../verdicts/_list/verdict-sheet.tsx';
import { verdictDifferences } from './verdict-differences.ts';
import { DifferencesTable } from './differences-table.tsx';
import { StagedHeader } from './staged-header.tsx';

/** Rules that judge live traffic beside those in force, and only report. */
export function StagedRulesPage() {
  const { data: draft, error, refetch } = useDraftRules();
  if (draft === undefined)
    return (
      <div className="px-(--gutter) py-6" aria-busy={error === null}>
        {error !== null && <ErrorState error={error} retry={() => void refetch()} />}
      </div>
    );
  if (draft === null)
    return (
      <div className="px-(--gutter) py-6">
        <EmptyState
          title="Nothing is tried out"
          action={
            <Button asChild look="primary" className="mt-2">
              <Link href="/rules/editor">To the editor</Link>
            </Button>
          }
        >
          <p>
            A try-out judges the node’s traffic by a second set of rules, drops nothing, and shows here what
            that set would have dropped or let pass. Write the rules in the editor, then choose “Try out”.
          </p>
        </EmptyState>
      </div>
    );
  return <StagedRulesView draft={draft} key={draft.etag} />;
}

const ofDraft: VerdictFilter = { set: 'draft' };
const noVerdicts: Verdict[] = [];

function StagedRulesView({ draft }: { draft: DraftRules }) {
  const { held, hold } = useAutoPause();
  const [opened, setOpened] = useState<Verdict | null>(null);
  const { log, waiting, error, retry } = useVerdicts(ofDraft, held || opened !== null);
  const columns = useMemo(() => verdictColumns(setOpened), []);
  // The log may have some of an earlier draft.
  const since = Date.parse(draft.time);
  const verdicts = useMemo(
    () => log.items?.filter(({ time }) => Date.parse(time) >= since) ?? null,
    [log.items, since],
  );
  const differences = useMemo(() => verdictDifferences(verdicts ?? noVerdicts), [verdicts]);
  return (
    <>
      <StagedHeader draft={draft} />
      {verdicts === null && error !== null ? (
        <div className="px-(--gutter) py-6">
          <ErrorState error={error} retry={retry} />
        </div>
      ) : verdicts?.length === 0 ? (
        <p role="status" className="border-line-1 border-t px-(--gutter) py-6 text-ink-2">
          So far it judged every packet as the rules in force do. Differences appear here as they happen.
        </p>
      ) : (
        <>
          <DifferencesTable differences={verdicts === null ? null : differences} />
          <div className="flex min-h-8 items-end gap-3 px-(--gutter) pt-3 pb-1">
            <h2 className="font-semibold">Packets</h2>
            <span role="status" className="text-12 text-muted tabular-nums">
              {waiting > 0 && `${waiting} came meanwhile`}
            </span>
          </div>
          <div {...hold}>
            <DataTable
              label="What it would do differently, packet by packet"
              columns={columns}
              rows={verdicts}
              rowKey={({ id }) => String(id)}
            />
          </div>
        </>
      )}
      <span className="mt-auto" />
      <VerdictLogFooter log={{ ...log, items: verdicts }} failed={error} />
      <VerdictSheet verdict={opened} close={() => setOpened(null)} />
    </>
  );
}
