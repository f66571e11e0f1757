'use client';

import { useMemo } from 'react';
import { Button } from '../../_components/button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { FilterBar } from '../../_components/filter-bar.tsx';
import {
  FacetButton,
  FacetDivider,
  FilterTextField,
  toggleListItem,
} from '../../_components/filter-field.tsx';
import { DataTable } from '../../_components/table/data-table.tsx';
import { TableFooter } from '../../_components/table/table-footer.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatClockTime, formatCount } from '../../_lib/format.ts';
import { useSamplesAreStale } from '../../_lib/time-series/use-time-series.ts';
import { useUrlQueryState } from '../../_lib/use-url-state.ts';
import { sharedText } from '../../_text/shared.ts';
import { usePrograms } from '../program-queries.ts';
import { programsText } from '../text.ts';
import { programColumns } from './program-columns.tsx';
import {
  buildProgramFilterQuery,
  countProgramFacets,
  emptyProgramFilter,
  filterPrograms,
  isProgramListFiltered,
  parseProgramFilter,
} from './program-filter.ts';
import { ProgramSummary } from './program-summary.tsx';
import { RunStatsSwitch } from './run-stats-switch.tsx';

const shownTypes = 6;

/** Page that lists all eBPF programs on the node with their current cost. */
export function ProgramListPage() {
  const { data, error, refetch } = usePrograms();
  const [view, change] = useUrlQueryState(parseProgramFilter, buildProgramFilterQuery);
  const stale = useSamplesAreStale() || (data !== undefined && error !== null);
  const all = data?.items ?? null;
  const shown = useMemo(() => filterPrograms(all ?? [], view), [all, view]);
  const facets = useMemo(() => countProgramFacets(all ?? []), [all]);
  const clear = () => change({ ...emptyProgramFilter, sort: view.sort, descending: view.descending });
  const types = [
    ...facets.types.filter(([type]) => view.types.includes(type)),
    ...facets.types.filter(([type]) => !view.types.includes(type)),
  ].slice(0, Math.max(shownTypes, view.types.length));
  return (
    <div className="flex min-h-[calc(100dvh-var(--chrome)-36px)] flex-col">
      <h1 className="sr-only">{programsText.programs}</h1>
      <ProgramSummary programs={all} stale={stale} />
      <FilterBar>
        <FilterTextField
          text={view.text}
          change={(text) => change({ text })}
          label={programsText.filterPrograms}
          placeholder={programsText.programFilterPlaceholder}
        />
        <div className="flex flex-wrap items-center gap-1 max-md:-mx-2">
          {(['podlane', 'foreign'] as const).map((owner) => (
            <FacetButton
              key={owner}
              count={all === null ? undefined : facets[owner]}
              on={view.owner === owner}
              toggle={() => change({ owner: view.owner === owner ? null : owner })}
            >
              {programsText.owners[owner]}
            </FacetButton>
          ))}
          {types.length > 0 && <FacetDivider />}
          {types.map(([type, number]) => (
            <FacetButton
              key={type}
              count={number}
              on={view.types.includes(type)}
              toggle={() => change({ types: toggleListItem(view.types, type) })}
            >
              <span className="code">{type}</span>
            </FacetButton>
          ))}
        </div>
        <span className="flex-1" />
        {data !== undefined && <RunStatsSwitch statistics={data.statistics} />}
      </FilterBar>
      {data !== undefined && data.unread.length > 0 && <ScanProblems reasons={data.unread} />}
      {all === null && error !== null ? (
        <div className="px-(--gutter) py-6">
          <ErrorState error={error} retry={() => void refetch()} />
        </div>
      ) : all !== null && shown.length === 0 ? (
        <div className="px-(--gutter) py-6" role="status">
          {isProgramListFiltered(view) ? (
            <EmptyState
              title={programsText.noProgramMatches}
              action={<Button onClick={clear}>{sharedText.clearFilter}</Button>}
            >
              {programsText.programsLoaded(formatCount(all.length))}
            </EmptyState>
          ) : (
            <EmptyState title={programsText.noPrograms}>{programsText.noProgramsDetail}</EmptyState>
          )}
        </div>
      ) : (
        <div className={stale ? 'stale' : ''}>
          <DataTable
            label={programsText.programs}
            columns={programColumns}
            rows={all === null ? null : shown}
            rowKey={({ id }) => String(id)}
            sorting={{ sort: view.sort, descending: view.descending, change }}
            clear={clear}
            top="top-(--chrome) md:top-[calc(var(--chrome)+var(--bar))]"
          />
        </div>
      )}
      <span className="mt-auto" />
      <TableFooter
        keys={programsText.keyHints}
        text={
          all === null
            ? ''
            : `${isProgramListFiltered(view) ? `${formatCount(shown.length)} of ` : ''}${formatCount(all.length)} programs · read ${formatClockTime(Date.parse(data?.time ?? ''))}`
        }
        failed={data !== undefined && error !== null ? error : null}
      />
    </div>
  );
}

/** Lists what could not be read from the kernel, because attachments may therefore be missing from the page. */
function ScanProblems({ reasons }: { reasons: readonly string[] }) {
  return (
    <ul className="border-line-1 border-b px-(--gutter) py-1.5 text-12 text-ink-2">
      {reasons.map((reason) => (
        <li key={reason} className="flex items-start gap-1.5">
          <WarningIcon className="mt-px size-3.5" /> {reason}
        </li>
      ))}
    </ul>
  );
}
