'use client';

import { useDeferredValue, useEffect, useMemo, useState } from 'react';
import type { BpfMapDetail, MapEntry } from '../../../../contract/bpf-map.ts';
import { Button } from '../../../_components/button.tsx';
import { EmptyState } from '../../../_components/empty-state.tsx';
import { ErrorState } from '../../../_components/error-state.tsx';
import { FilterBar } from '../../../_components/filter-bar.tsx';
import { FilterTextField } from '../../../_components/filter-field.tsx';
import { DataTable } from '../../../_components/table/data-table.tsx';
import type { TableColumn } from '../../../_components/table/table-column.ts';
import { formatCount } from '../../../_lib/format.ts';
import { useMissingRoleReason } from '../../../_lib/session-queries.ts';
import { useUrlQueryState } from '../../../_lib/use-url-state.ts';
import { type BpfMapEntryFilter, useBpfMapEntries } from '../map-queries.ts';
import { bpfMapsText } from '../text.ts';
import { formatInlineMapValue } from './format-map-value.ts';
import { BpfMapEntrySheet } from './map-entry-sheet.tsx';

const parse = (query: URLSearchParams): BpfMapEntryFilter => ({
  search: query.get('q') ?? '',
  filled: query.get('filled') === '1',
});
const query = ({ search, filled }: BpfMapEntryFilter): string =>
  new URLSearchParams({
    ...(search === '' ? {} : { q: search }),
    ...(filled ? { filled: '1' } : {}),
  }).toString();

/** Content of the entry sheet: an existing entry or a new one; null if the sheet is closed. */
type Opened = { entry: MapEntry } | 'new' | null;

/** Lists the entries of a map, loaded page by page and filtered by text. */
export function BpfMapEntriesSection({ map }: { map: BpfMapDetail }) {
  const [filter, change] = useUrlQueryState(parse, query);
  const search = useSettled(filter.search);
  const listed = map.notListed === null;
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage, isPlaceholderData } =
    useBpfMapEntries(map.id, { search, filled: filter.filled }, listed);
  const [opened, open] = useState<Opened>(null);
  const entries = useMemo(() => data?.pages.flatMap(({ items }) => items) ?? null, [data]);
  const columns = useMemo(() => columnsOf((entry) => open({ entry })), []);
  const last = data?.pages.at(-1);
  const scanned = data?.pages.reduce((sum, page) => sum + page.scanned, 0) ?? 0;
  if (!listed)
    return (
      <div className="px-(--gutter) py-6">
        <EmptyState title={bpfMapsText.notListable}>{map.notListed}</EmptyState>
      </div>
    );
  return (
    <>
      <FilterBar className="gap-x-3 gap-y-1">
        <FilterTextField
          text={filter.search}
          change={(text) => change({ search: text })}
          label={bpfMapsText.searchEntries}
          placeholder={bpfMapsText.searchPlaceholder}
        />
        <label className="inline-flex h-(--control) cursor-pointer items-center gap-1.5 text-12 text-ink-2">
          <input
            type="checkbox"
            className="size-3.5 accent-accent"
            checked={filter.filled}
            onChange={(event) => change({ filled: event.target.checked })}
          />
          {bpfMapsText.hideZero}
        </label>
        <span className="flex-1" />
        <Editing map={map} add={() => open('new')} />
      </FilterBar>
      {entries === null && error !== null ? (
        <div className="px-(--gutter) py-6">
          <ErrorState error={error} retry={() => void refetch()} />
        </div>
      ) : entries?.length === 0 && !isPlaceholderData && !hasNextPage ? (
        <div className="px-(--gutter) py-6" role="status">
          {search === '' && !filter.filled ? (
            <EmptyState title={bpfMapsText.emptyMapTitle}>{bpfMapsText.emptyMapDetail}</EmptyState>
          ) : (
            <EmptyState
              title={bpfMapsText.noEntryMatches}
              action={
                <Button onClick={() => change({ search: '', filled: false })}>
                  {bpfMapsText.clearSearch}
                </Button>
              }
            >
              {bpfMapsText.scannedEntries(formatCount(scanned))}
            </EmptyState>
          )}
        </div>
      ) : (
        <div className={isPlaceholderData ? 'opacity-60' : ''}>
          <DataTable
            label={bpfMapsText.entries}
            columns={columns}
            rows={entries}
            rowKey={({ keyHex }) => keyHex}
            clear={() => change({ search: '', filled: false })}
            top="top-(--chrome) md:top-[calc(var(--chrome)+var(--bar))]"
          />
        </div>
      )}
      <div className="flex flex-wrap items-center gap-3 px-(--gutter) py-3 text-12 text-muted">
        {hasNextPage && (
          <Button disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {isFetchingNextPage ? bpfMapsText.loadingMore : bpfMapsText.loadMore}
          </Button>
        )}
        {entries !== null && entries.length > 0 && (
          <span role="status" className="tabular-nums">
            {bpfMapsText.shownScanned(
              formatCount(entries.length),
              formatCount(scanned),
              !hasNextPage ? bpfMapsText.allScanned : '',
            )}
          </span>
        )}
        {last?.note && <span>{last.note}</span>}
      </div>
      {opened !== null && (
        <BpfMapEntrySheet map={map} entry={opened === 'new' ? null : opened.entry} close={() => open(null)} />
      )}
    </>
  );
}

function columnsOf(open: (entry: MapEntry) => void): TableColumn<MapEntry>[] {
  return [
    {
      key: 'key',
      label: bpfMapsText.key,
      width: 'w-2/5',
      head: true,
      cell: (entry) => (
        <button
          type="button"
          data-row-link
          onClick={() => open(entry)}
          className="code max-w-full truncate text-left after:absolute after:inset-0 focus-visible:outline-none"
        >
          {entry.keyText}
        </button>
      ),
    },
    {
      key: 'value',
      label: bpfMapsText.value,
      cell: (entry) => (
        <span className="code text-ink-2">
          {entry.unread ??
            (entry.cpus === null ? formatInlineMapValue(entry.value) : formatInlineMapValue(entry.cpus))}
        </span>
      ),
    },
  ];
}

/** Renders the button that adds an entry, or the reason why the map is read-only. */
function Editing({ map, add }: { map: BpfMapDetail; add: () => void }) {
  const missingRole = useMissingRoleReason('admin');
  if (map.notEditable !== null)
    return (
      <p className="max-w-160 py-1 text-12 text-muted">{bpfMapsText.readOnlyBecause(map.notEditable)}</p>
    );
  if (missingRole !== null) return <p className="text-12 text-muted">{bpfMapsText.readOnly(missingRole)}</p>;
  if (/array/.test(map.type)) return <p className="text-12 text-muted">{bpfMapsText.editHint}</p>;
  return <Button onClick={add}>{bpfMapsText.addEntry}</Button>;
}

/** Delays a search text until typing stops, because each search scans the whole map. */
function useSettled(text: string): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), 250);
    return () => clearTimeout(timer);
  }, [text]);
  return useDeferredValue(settled);
}
