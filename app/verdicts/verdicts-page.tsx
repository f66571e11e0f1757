'use client';

import { Download } from 'lucide-react';
import Link from 'next/link';
import { useMemo, useState } from 'react';
import type { Verdict } from '../../contract/verdict.ts';
import { Button } from '../_components/button.tsx';
import { EmptyState } from '../_components/empty-state.tsx';
import { ErrorState } from '../_components/error-state.tsx';
import { DataTable } from '../_components/table/data-table.tsx';
import { showToast } from '../_components/toast.tsx';
import { buildVerdictApiQuery } from '../_lib/loaded-verdicts.ts';
import { useActiveRules, useStagedRules } from '../_lib/rule-queries.ts';
import { useDebouncedValue } from '../_lib/use-debounced-value.ts';
import { useUrlQueryState } from '../_lib/use-url-state.ts';
import { useVerdictLog } from '../_lib/use-verdict-log.ts';
import { sharedText } from '../_text/shared.ts';
import { usePauseWhileReading } from './_list/use-pause-while-reading.ts';
import { createVerdictColumns } from './_list/verdict-columns.tsx';
import { VerdictFilterBar } from './_list/verdict-filter-bar.tsx';
import { VerdictLogFooter } from './_list/verdict-log-footer.tsx';
import { VerdictSheet } from './_list/verdict-sheet.tsx';
import { verdictsText } from './text.ts';
import {
  buildVerdictPageQuery,
  emptyVerdictFilterValues,
  isVerdictListFiltered,
  parseVerdictFilterValues,
  validateVerdictFilter,
} from './verdict-filter.ts';

const settleMs = 300;

/** Page of dropped and logged packets and of verdicts of the staged rules, updated live. */
export function VerdictsPage() {
  const [view, change] = useUrlQueryState(parseVerdictFilterValues, buildVerdictPageQuery);
  const { filter, problems } = useMemo(() => validateVerdictFilter(view), [view]);
  const asked = useDebouncedValue(filter, settleMs);
  const [paused, setPaused] = useState(false);
  const { held, hold } = usePauseWhileReading();
  const [opened, setOpened] = useState<Verdict | null>(null);
  const { log, waiting, error, loadOlder, retry } = useVerdictLog(asked, paused || held || opened !== null);
  const columns = useMemo(() => createVerdictColumns(setOpened), []);
  const clear = () => change(emptyVerdictFilterValues);
  const query = buildVerdictApiQuery(asked).toString();
  return (
    <div className="flex min-h-[calc(100dvh-var(--chrome))] flex-col">
      <header className="flex flex-wrap items-center gap-x-4 gap-y-2 px-(--gutter) pt-3 pb-2">
        <div className="min-w-0 flex-1">
          <h1 className="font-semibold text-20 tracking-[-.014em]">{verdictsText.verdicts}</h1>
          <p className="text-12 text-muted">{verdictsText.verdictsIntro}</p>
        </div>
        <Button asChild>
          <a href={`/api/v1/verdicts/export${query === '' ? '' : `?${query}`}`} download="verdicts.jsonl">
            <Download aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
            {verdictsText.exportLines}
          </a>
        </Button>
      </header>
      <VerdictFilterBar
        view={view}
        change={change}
        problems={problems}
        paused={paused}
        pause={setPaused}
        waiting={waiting}
      />
      {log.items === null && error !== null ? (
        <div className="px-(--gutter) py-6">
          <ErrorState error={error} retry={retry} />
        </div>
      ) : log.items?.length === 0 ? (
        <Nothing filtered={isVerdictListFiltered(view)} clear={clear} />
      ) : (
        <div {...hold}>
          <DataTable
            label={verdictsText.verdicts}
            columns={columns}
            rows={log.items}
            rowKey={({ id }) => String(id)}
            clear={clear}
            top="top-(--chrome) md:top-[calc(var(--chrome)+var(--bar))]"
          />
          {log.next !== null && (
            <div className="px-(--gutter) py-2">
              <Button
                onClick={() => {
                  loadOlder().catch(({ message }: Error) =>
                    showToast({ title: verdictsText.loadOlderFailed, detail: message, tone: 'failed' }),
                  );
                }}
              >
                {verdictsText.loadOlder}
              </Button>
            </div>
          )}
        </div>
      )}
      <span className="mt-auto" />
      <VerdictLogFooter log={log} failed={error} />
      <VerdictSheet verdict={opened} close={() => setOpened(null)} />
    </div>
  );
}

/** Renders a message in place of an empty list of verdicts: there are none, or none match the filter. */
function Nothing({ filtered, clear }: { filtered: boolean; clear: () => void }) {
  const { data: active } = useActiveRules();
  const { data: staged } = useStagedRules();
  const hasRules = active?.rules != null || staged != null;
  return (
    <div className="px-(--gutter) py-6" role="status">
      {filtered ? (
        <EmptyState
          title={verdictsText.noVerdictMatches}
          action={<Button onClick={clear}>{sharedText.clearFilter}</Button>}
        >
          <p>{verdictsText.noVerdictMatchesDetail}</p>
        </EmptyState>
      ) : (
        <EmptyState
          title={verdictsText.noVerdicts}
          action={
            !hasRules && (
              <Button asChild>
                <Link href="/rules">{verdictsText.openRules}</Link>
              </Button>
            )
          }
        >
          <p>{hasRules ? verdictsText.noVerdictsDetail : verdictsText.noRulesDetail}</p>
        </EmptyState>
      )}
    </div>
  );
}
