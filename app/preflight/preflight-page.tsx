'use client';

import { type ReactNode, useMemo } from 'react';
import type { Preflight } from '../../contract/preflight.ts';
import { type PreflightVerdict, preflightVerdicts } from '../../contract/preflight-reasons.ts';
import { Button } from '../_components/button.tsx';
import { EmptyState } from '../_components/empty-state.tsx';
import { ErrorState } from '../_components/error-state.tsx';
import { FilterBar } from '../_components/filter-bar.tsx';
import { FacetButton, FacetDivider, FilterTextField, toggleListItem } from '../_components/filter-field.tsx';
import { SheetSkeleton } from '../_components/sheet-skeleton.tsx';
import { DataTable } from '../_components/table/data-table.tsx';
import { TableFooter } from '../_components/table/table-footer.tsx';
import { useSamplesAreStale } from '../_lib/time-series/use-time-series.ts';
import { useUrlQueryState } from '../_lib/use-url-state.ts';
import { sharedText } from '../_text/shared.ts';
import { CheckList } from './check-list.tsx';
import { PodPreflightSheet } from './pod-preflight-sheet.tsx';
import { buildPreflightColumns } from './preflight-columns.tsx';
import {
  buildPreflightQuery,
  emptyPreflightFilter,
  filterPreflightPods,
  formatPreflightCommand,
  isPreflightFiltered,
  nameOf,
  type PreflightView,
  parsePreflightView,
} from './preflight-filter.ts';
import { PreflightHeader } from './preflight-header.tsx';
import { PreflightVerdictLabel } from './preflight-marks.tsx';
import { usePreflight } from './preflight-queries.ts';
import { ReasonList } from './reason-list.tsx';
import { formatSelection, formatShownPods, preflightText } from './text.ts';

/** Page that says for the node and its pods whether they can be on netkit, with each reason and its remedy. */
export function PreflightPage() {
  const [view, change] = useUrlQueryState(parsePreflightView, buildPreflightQuery);
  const { data, error, isFetching, refetch } = usePreflight(view);
  const stale = useSamplesAreStale() || (data !== undefined && error !== null);
  const shown = useMemo(() => filterPreflightPods(data?.pods ?? [], view), [data, view]);
  const selected = view.pods.length > 0 || view.selector !== '';
  return (
    <div className="flex min-h-[calc(100dvh-var(--chrome))] flex-col">
      <PreflightHeader
        data={data}
        command={formatPreflightCommand(view)}
        looking={isFetching}
        lookAgain={() => void refetch()}
      />
      {selected && (
        <p className="flex flex-wrap items-center gap-x-3 border-line-1 border-b px-(--gutter) py-1.5 text-12 text-ink-2">
          {formatSelection(view.pods, view.selector)}
          <button
            type="button"
            className="link text-ink-1"
            onClick={() => change({ pods: [], selector: '' })}
          >
            {preflightText.showAllPods}
          </button>
        </p>
      )}
      {data === undefined ? (
        <div className="px-(--gutter) py-6">
          {error === null ? (
            <SheetSkeleton lines={12} />
          ) : (
            <ErrorState error={error} retry={() => void refetch()} />
          )}
        </div>
      ) : (
        <Found data={data} shown={shown} view={view} change={change} stale={stale} />
      )}
      <span className="mt-auto" />
      <TableFooter
        keys={preflightText.keys}
        text={data === undefined ? '' : formatShownPods(shown.length, data.pods.length)}
        failed={data !== undefined && error !== null ? error : null}
      />
      {view.open !== null && <PodPreflightSheet pod={view.open} close={() => change({ open: null })} />}
    </div>
  );
}

interface FoundProps {
  data: Preflight;
  shown: Preflight['pods'];
  view: PreflightView;
  change: (change: Partial<PreflightView>) => void;
  stale: boolean;
}

/** Shows the verdicts, the reasons and the pods of a preflight. */
function Found({ data, shown, view, change, stale }: FoundProps) {
  const filtered = isPreflightFiltered(view);
  const clear = () => change(emptyPreflightFilter);
  const ofNode = data.node.checks.flatMap(({ findings }) => findings);
  const reasons = filtered
    ? data.reasons.filter(({ reason }) =>
        shown.some(({ findings }) => findings.some((finding) => finding.reason === reason)),
      )
    : data.reasons;
  return (
    <>
      <FilterBar>
        <FilterTextField
          text={view.text}
          change={(text) => change({ text })}
          label={preflightText.filter}
          placeholder={preflightText.filterPlaceholder}
        />
        <div className="flex flex-wrap items-center gap-1 max-md:-mx-2">
          {preflightVerdicts.map((verdict: PreflightVerdict) => (
            <FacetButton
              key={verdict}
              count={data.counts[verdict]}
              on={view.verdicts.includes(verdict)}
              toggle={() => change({ verdicts: toggleListItem(view.verdicts, verdict) })}
            >
              <PreflightVerdictLabel verdict={verdict} />
            </FacetButton>
          ))}
          {view.reason !== null && (
            <>
              <FacetDivider />
              <FacetButton count={shown.length} on toggle={() => change({ reason: null })}>
                <span className="code">{view.reason}</span>
              </FacetButton>
            </>
          )}
          {filtered && (
            <button type="button" className="link px-2 text-12 text-ink-2" onClick={clear}>
              {sharedText.clearFilter}
            </button>
          )}
        </div>
      </FilterBar>
      <div
        className={`grid grid-cols-[minmax(0,1fr)_minmax(0,1fr)] grid-rows-[auto_1fr] max-xl:grid-cols-1 max-xl:grid-rows-none ${stale ? 'stale' : ''}`}
      >
        <div className="min-w-0 px-(--gutter) pb-6">
          <Section title={preflightText.reasons}>
            {reasons.length === 0 ? (
              <p className="border-line-2 border-t py-2 text-ink-2">
                {filtered ? preflightText.noReasonsMatch : preflightText.noReasons}
              </p>
            ) : (
              <ReasonList
                reasons={reasons}
                ofNode={filtered ? [] : ofNode}
                pods={shown}
                chosen={view.reason}
                choose={(reason) => change({ reason })}
                open={(open) => change({ open })}
              />
            )}
          </Section>
        </div>
        <section
          aria-label={preflightText.pods}
          className="min-w-0 max-xl:border-line-2 max-xl:border-t xl:row-span-2 xl:border-line-1 xl:border-l"
        >
          <Pods data={data} shown={shown} view={view} change={change} clear={clear} />
        </section>
        <div className="min-w-0 px-(--gutter) pb-6 max-xl:border-line-2 max-xl:border-t">
          <Section title={preflightText.node}>
            <CheckList checks={data.node.checks} label={preflightText.lookedAtHeading} />
          </Section>
          <Section title={preflightText.neverLooked}>
            <ul className="list-disc border-line-2 border-t py-1.5 pl-4 text-12 text-ink-2">
              {data.node.neverLooked.map((sentence) => (
                <li key={sentence} className="py-0.5">
                  {sentence}
                </li>
              ))}
            </ul>
          </Section>
        </div>
      </div>
    </>
  );
}

interface PodsProps extends Omit<FoundProps, 'stale'> {
  clear: () => void;
}

/** Shows the pods with their verdicts, or why there are none. */
function Pods({ data, shown, view, change, clear }: PodsProps) {
  const columns = useMemo(() => buildPreflightColumns((open) => change({ open })), [change]);
  if (data.pods.length === 0)
    return (
      <div className="px-(--gutter) py-6">
        <EmptyState title={preflightText.noPods}>{preflightText.noPodsDetail}</EmptyState>
      </div>
    );
  if (shown.length === 0)
    return (
      <div className="px-(--gutter) py-6" role="status">
        <EmptyState
          title={preflightText.noMatch}
          action={<Button onClick={clear}>{sharedText.clearFilter}</Button>}
        >
          {formatShownPods(data.pods.length, data.pods.length)}
        </EmptyState>
      </div>
    );
  return (
    <DataTable
      label={preflightText.pods}
      columns={columns}
      rows={shown}
      rowKey={({ pod }) => nameOf(pod)}
      sorting={{ sort: view.sort, descending: view.descending, change }}
      clear={clear}
      top="top-(--chrome) md:top-[calc(var(--chrome)+var(--bar))]"
    />
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title} className="pt-4">
      <h2 className="mb-1 font-semibold">{title}</h2>
      {children}
    </section>
  );
}
