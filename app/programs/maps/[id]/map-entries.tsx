'use client';

import { useDeferredValue, useEffect, useMemo, useState } from 'react';
import type { BpfMapDetail, MapEntry } from '../../../../contract/map.ts';
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
import { type MapEntryFilter, useMapEntries } from '../map-queries.ts';
import { mapsText } from '../text.ts';
import { MapEntrySheet } from './map-entry-sheet.tsx';
import { formatInlineValue } from './value-text.ts';

const parse = (query: URLSearchParams): MapEntryFilter => ({
  search: query.get('q') ?? '',
  filled: query.get('filled') === '1',
});
const query = ({ search, filled }: MapEntryFilter): string =>
  new URLSearchParams({
    ...(search === '' ? {} : { q: search }),
    ...(filled ? { filled: '1' } : {}),
  }).toString();

/** Content of the entry sheet: an existing entry or a new one; null if the sheet is closed. */
type Opened = { entry: MapEntry } | 'new' | null;

/** Lists the entries of a map, loaded page by page and filtered by text. */
export function MapEntriesSection({ map }: { map: BpfMapDetail }) {
  const [filter, change] = useUrlQueryState(parse, query);
  const search = useSettled(filter.search);
  const listed = map.notListed === null;
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage, isPlaceholderData } =
    useMapEntries(map.id, { search, filled: filter.filled }, listed);
  const [opened, open] = useState<Opened>(null);
  const entries = useMemo(() => data?.pages.flatMap(({ items }) => items) ?? null, [data]);
  const columns = useMemo(() => columnsOf((entry) => open({ entry })), []);
  const last = data?.pages.at(-1);
  const scanned = data?.pages.reduce((sum, page) => sum + page.scanned, 0) ?? 0;
  if (!listed)
    return (
      <div className="px-(--gutter) py-6">
        <EmptyState title={mapsText.notListable}>{map.notListed}</EmptyState>
      </div>
    );
  return (
    <>
      <FilterBar className="gap-x-3 gap-y-1">
        <FilterTextField
          text={filter.search}
          change={(text) => change({ search: text })}
          label={mapsText.searchEntries}
          placeholder={mapsText.searchPlaceholder}
        />
        <label className="inline-flex h-(--control) cursor-pointer items-center gap-1.5 text-12 text-ink-2">
          <input
            type="checkbox"
            className="size-3.5 accent-accent"
            checked={filter.filled}
            onChange={(event) => change({ filled: event.target.checked })}
          />
          {mapsText.hideZero}
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
            <EmptyState title={mapsText.emptyMapTitle}>{mapsText.emptyMapDetail}</EmptyState>
          ) : (
            <EmptyState
              title={mapsText.noEntryMatches}
              action={
                <Button onClick={() => change({ search: '', filled: false })}>{mapsText.clearSearch}</Button>
              }
            >
              {mapsText.scannedEntries(formatCount(scanned))}
            </EmptyState>
          )}
        </div>
      ) : (
        <div className={isPlaceholderData ? 'opacity-60' : ''}>
          <DataTable
            label={mapsText.entries}
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
            {isFetchingNextPage ? mapsText.loadingMore : mapsText.loadMore}
          </Button>
        )}
        {entries !== null && entries.length > 0 && (
          <span role="status" className="tabular-nums">
            {mapsText.shownScanned(
              formatCount(entries.length),
              formatCount(scanned),
              !hasNextPage ? mapsText.allScanned : '',
            )}
          </span>
        )}
        {last?.note && <span>{last.note}</span>}
      </div>
      {opened !== null && (
        <MapEntrySheet map={map} entry={opened === 'new' ? null : opened.entry} close={() => open(null)} />
      )}
    </>
  );
}

function columnsOf(open: (entry: MapEntry) => void): TableColumn<MapEntry>[] {
  return [
    {
      key: 'key',
      label: mapsText.key,
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
      label: mapsText.value,
      cell: (entry) => (
        <span className="code text-ink-2">
          {entry.unread ??
            (entry.cpus === null ? formatInlineValue(entry.value) : formatInlineValue(entry.cpus))}
        </span>
      ),
    },
  ];
}

/** Renders the button that adds an entry, or the reason why the map is read-only. */
function Editing({ map, add }: { map: BpfMapDetail; add: () => void }) {
  const missingRole = useMissingRoleReason('admin');
  if (map.notEditable !== null)
    return <p className="max-w-160 py-1 text-12 text-muted">{mapsText.readOnlyBecause(map.notEditable)}</p>;
  if (missingRole !== null) return <p className="text-12 text-muted">{mapsText.readOnly(missingRole)}</p>;
  if (/array/.test(map.type)) return <p className="text-12 text-muted">{mapsText.editHint}</p>;
  return <Button onClick={add}>{mapsText.addEntry}</Button>;
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
