'use client';

import Link from 'next/link';
import { useMemo, useState } from 'react';
import type { StagedRules } from '../../../contract/rules.ts';
import type { Verdict, VerdictFilter } from '../../../contract/verdict.ts';
import { Button } from '../../_components/button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { DataTable } from '../../_components/table/data-table.tsx';
import { useStagedRules } from '../../_lib/rule-queries.ts';
import { useVerdictLog } from '../../_lib/use-verdict-log.ts';
import { usePauseWhileReading } from '../../verdicts/_list/use-pause-while-reading.ts';
import { createVerdictColumns } from '../../verdicts/_list/verdict-columns.tsx';
import { VerdictLogFooter } from '../../verdicts/_list/verdict-log-footer.tsx';
import { VerdictSheet } from '../../verdicts/_list/verdict-sheet.tsx';
import { rulesText } from '../text.ts';
import { VerdictDifferencesTable } from './differences-table.tsx';
import { StagedRulesHeader } from './staged-rules-header.tsx';
import { groupVerdictDifferences } from './verdict-differences.ts';

/** Page of the staged rules: verdicts on live traffic that differ from those of the active rules. */
export function StagedRulesPage() {
  const { data: staged, error, refetch } = useStagedRules();
  if (staged === undefined)
    return (
      <div className="px-(--gutter) py-6" aria-busy={error === null}>
        {error !== null && <ErrorState error={error} retry={() => void refetch()} />}
      </div>
    );
  if (staged === null)
    return (
      <div className="px-(--gutter) py-6">
        <EmptyState
          title={rulesText.noStagedTitle}
          action={
            <Button asChild look="primary" className="mt-2">
              <Link href="/rules/editor">{rulesText.openEditor}</Link>
            </Button>
          }
        >
          <p>{rulesText.noStagedDetail}</p>
        </EmptyState>
      </div>
    );
  return <StagedRulesView staged={staged} key={staged.etag} />;
}

const stagedOnly: VerdictFilter = { set: 'staged' };
const noVerdicts: Verdict[] = [];

function StagedRulesView({ staged }: { staged: StagedRules }) {
  const { held, hold } = usePauseWhileReading();
  const [opened, setOpened] = useState<Verdict | null>(null);
  const { log, waiting, error, retry } = useVerdictLog(stagedOnly, held || opened !== null);
  const columns = useMemo(() => createVerdictColumns(setOpened), []);
  // The log may contain verdicts of rules that were staged earlier.
  const since = Date.parse(staged.time);
  const verdicts = useMemo(
    () => log.items?.filter(({ time }) => Date.parse(time) >= since) ?? null,
    [log.items, since],
  );
  const differences = useMemo(() => groupVerdictDifferences(verdicts ?? noVerdicts), [verdicts]);
  return (
    <>
      <StagedRulesHeader staged={staged} />
      {verdicts === null && error !== null ? (
        <div className="px-(--gutter) py-6">
          <ErrorState error={error} retry={retry} />
        </div>
      ) : verdicts?.length === 0 ? (
        <p role="status" className="border-line-1 border-t px-(--gutter) py-6 text-ink-2">
          {rulesText.noDifferences}
        </p>
      ) : (
        <>
          <VerdictDifferencesTable differences={verdicts === null ? null : differences} />
          <div className="flex min-h-8 items-end gap-3 px-(--gutter) pt-3 pb-1">
            <h2 className="font-semibold">{rulesText.packetsHeading}</h2>
            <span role="status" className="text-12 text-muted tabular-nums">
              {waiting > 0 && rulesText.newWhilePaused(waiting)}
            </span>
          </div>
          <div {...hold}>
            <DataTable
              label={rulesText.differencesTable}
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
