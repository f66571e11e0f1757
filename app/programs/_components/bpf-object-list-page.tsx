'use client';

import { type ReactNode, useMemo } from 'react';
import type { BpfOwner } from '../../../contract/program.ts';
import { Button } from '../../_components/button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { FilterBar } from '../../_components/filter-bar.tsx';
import { FacetButton, FilterTextField } from '../../_components/filter-field.tsx';
import { DataTable } from '../../_components/table/data-table.tsx';
import type { TableColumn } from '../../_components/table/table-column.ts';
import { TableFooter } from '../../_components/table/table-footer.tsx';
import { formatCount } from '../../_lib/format.ts';
import { sharedText } from '../../_text/shared.ts';
import { programsText } from '../text.ts';
import { type BpfObjectListFilter, matchesAllWords } from './bpf-object-list-filter.ts';

interface Props<Row extends { id: number; owner: BpfOwner }, Key extends string> {
  /** Plural noun for the listed objects, e.g. `maps`. */
  what: string;
  title: string;
  placeholder: string;
  rows: readonly Row[] | null;
  error: Error | null;
  retry: () => void;
  columns: readonly TableColumn<Row, Key>[];
  /** Returns the texts of a row that the filter searches. */
  texts: (row: Row) => readonly string[];
  view: BpfObjectListFilter<Key>;
  change: (change: Partial<BpfObjectListFilter<Key>>) => void;
  /** Content shown if the node has no objects of the listed type. */
  none: ReactNode;
}

/** Page that lists the node's maps or links, filtered by text and owner. */
export function BpfObjectListPage<Row extends { id: number; owner: BpfOwner }, Key extends string>({
  what,
  title,
  placeholder,
  rows,
  error,
  retry,
  columns,
  texts,
  view,
  change,
  none,
}: Props<Row, Key>) {
  const ownCount = useMemo(() => rows?.filter(({ owner }) => owner.kind === 'podlane').length ?? 0, [rows]);
  const shown = useMemo(() => {
    const isPodlane = ({ owner }: Row) => owner.kind === 'podlane';
    const found = (rows ?? []).filter(
      (row) =>
        (view.owner === null || isPodlane(row) === (view.owner === 'podlane')) &&
        matchesAllWords(view.text, [String(row.id), ...texts(row)]),
    );
    return [...found.filter(isPodlane), ...found.filter((row) => !isPodlane(row))];
  }, [rows, view.text, view.owner, texts]);
  const clear = () => change({ text: '', owner: null });
  const filtered = view.text !== '' || view.owner !== null;
  return (
    <div className="flex min-h-[calc(100dvh-var(--chrome)-36px)] flex-col">
      <h1 className="sr-only">{title}</h1>
      <FilterBar>
        <FilterTextField
          text={view.text}
          change={(text) => change({ text })}
          label={programsText.filterList(what)}
          placeholder={placeholder}
        />
        <div className="flex items-center gap-1 max-md:-mx-2">
          {(['podlane', 'foreign'] as const).map((owner) => (
            <FacetButton
              key={owner}
              count={rows === null ? undefined : owner === 'podlane' ? ownCount : rows.length - ownCount}
              on={view.owner === owner}
              toggle={() => change({ owner: view.owner === owner ? null : owner })}
            >
              {programsText.owners[owner]}
            </FacetButton>
          ))}
        </div>
      </FilterBar>
      {rows === null && error !== null ? (
        <div className="px-(--gutter) py-6">
          <ErrorState error={error} retry={retry} />
        </div>
      ) : rows !== null && shown.length === 0 ? (
        <div className="px-(--gutter) py-6" role="status">
          {filtered ? (
            <EmptyState
              title={programsText.nothingMatches}
              action={<Button onClick={clear}>{sharedText.clearFilter}</Button>}
            >
              {programsText.onThisNode(formatCount(rows.length), what)}
            </EmptyState>
          ) : (
            none
          )}
        </div>
      ) : (
        <DataTable
          label={title}
          columns={columns}
          rows={rows === null ? null : shown}
          rowKey={({ id }) => String(id)}
          sorting={{ sort: view.sort, descending: view.descending, change }}
          clear={clear}
          top="top-(--chrome) md:top-[calc(var(--chrome)+var(--bar))]"
        />
      )}
      <span className="mt-auto" />
      <TableFooter
        keys={programsText.keyHints}
        text={
          rows === null
            ? ''
            : `${filtered ? `${formatCount(shown.length)} of ` : ''}${formatCount(rows.length)} ${what}`
        }
        failed={rows === null ? null : error}
      />
    </div>
  );
}
