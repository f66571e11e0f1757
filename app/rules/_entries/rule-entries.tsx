'use client';

import { useInfiniteQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useMemo } from 'react';
import type { RuleEntries, RuleEntry } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { FilterBar } from '../../_components/filter-bar.tsx';
import { FilterTextField } from '../../_components/filter-field.tsx';
import { formInputClasses } from '../../_components/form-field.tsx';
import { SiNumber } from '../../_components/number-display.tsx';
import { RuleActionLabel } from '../../_components/rule-action-label.tsx';
import { DataTable } from '../../_components/table/data-table.tsx';
import type { TableColumn } from '../../_components/table/table-column.ts';
import { requestApi } from '../../_lib/api.ts';
import { formatCount } from '../../_lib/format.ts';
import { formatPodName } from '../../_lib/packet-labels.ts';
import { usePods } from '../../_lib/pod-queries.ts';
import { useActiveRules } from '../../_lib/rule-queries.ts';
import { useDebouncedValue } from '../../_lib/use-debounced-value.ts';
import { useUrlQueryState } from '../../_lib/use-url-state.ts';
import { sharedText } from '../../_text/shared.ts';
import { formatRuleEntryUseDetails, formatRuleEntryUses } from '../_rule/entry-uses.ts';
import { formatRuleEntryPorts } from '../rule-labels.ts';
import { rulesText } from '../text.ts';

interface View {
  rule: string;
  pod: string;
}

const plainView: View = { rule: '', pod: '' };
const parseView = (query: URLSearchParams): View => ({
  rule: query.get('rule') ?? '',
  pod: query.get('pod') ?? '',
});

function viewQuery({ rule, pod }: View): string {
  const query = new URLSearchParams();
  if (rule.trim() !== '') query.set('rule', rule.trim());
  if (pod.trim() !== '') query.set('pod', pod.trim());
  return query.toString();
}

const useRuleEntries = (query: string) =>
  useInfiniteQuery({
    queryKey: ['rules', 'entries', query],
    queryFn: ({ pageParam, signal }) =>
      requestApi<RuleEntries>(`/rules/entries?${query}&cursor=${pageParam}&limit=200`, { signal }),
    initialPageParam: '0',
    getNextPageParam: ({ next }) => next,
    refetchInterval: 4000,
  });

/** Page that lists all compiled entries, with the rule, pods and peers of each. */
export function RuleEntriesPage() {
  const [view, change] = useUrlQueryState(parseView, viewQuery);
  const query = useDebouncedValue(viewQuery(view), 300);
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useRuleEntries(query);
  const pods = usePods().data ?? [];
  const { data: active } = useActiveRules();
  const rows = useMemo(() => data?.pages.flatMap(({ items }) => items) ?? null, [data]);
  const total = data?.pages[0]?.total ?? 0;
  const clear = () => change(plainView);
  return (
    <>
      <FilterBar>
        <FilterTextField
          text={view.rule}
          change={(rule) => change({ rule })}
          label={rulesText.filterByRule}
          placeholder={rulesText.rule}
          options={active?.rules?.rules.map(({ name }) => name) ?? []}
        />
        <input
          value={view.pod}
          onChange={(event) => change({ pod: event.target.value })}
          placeholder={rulesText.podPlaceholder}
          aria-label={rulesText.filterByPod}
          list="pods-of-entries"
          spellCheck={false}
          autoComplete="off"
          data-filter
          className={`${formInputClasses} w-52 max-md:w-full`}
        />
        <datalist id="pods-of-entries">
          {pods.map((pod) => (
            <option key={pod.id} value={formatPodName(pod)} />
          ))}
        </datalist>
        <span className="flex-1" />
        <span role="status" className="text-12 text-muted tabular-nums">
          {rows !== null && rulesText.shownOfTotal(formatCount(rows.length), formatCount(total))}
        </span>
      </FilterBar>
      {error !== null && rows === null ? (
        <div className="px-(--gutter) py-6">
          <ErrorState error={error} retry={() => void refetch()} />
        </div>
      ) : rows?.length === 0 ? (
        <div className="px-(--gutter) py-6" role="status">
          {query === '' ? (
            <EmptyState title={rulesText.noEntries}>
              <p>{rulesText.noEntriesDetail}</p>
            </EmptyState>
          ) : (
            <EmptyState
              title={rulesText.noEntryMatches}
              action={<Button onClick={clear}>{sharedText.clearFilter}</Button>}
            >
              <p>{rulesText.noEntryMatchesDetail}</p>
            </EmptyState>
          )}
        </div>
      ) : (
        <DataTable
          label={rulesText.entries}
          columns={columns}
          rows={rows}
          rowKey={({ entryList: row, protocol, from, length }) => `${row} ${protocol} ${from}/${length}`}
          clear={clear}
          top="top-(--chrome) md:top-[calc(var(--chrome)+var(--bar))]"
        />
      )}
      {hasNextPage && (
        <div className="px-(--gutter) py-2">
          <Button disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {rulesText.loadMore}
          </Button>
        </div>
      )}
    </>
  );
}

const columns: readonly TableColumn<RuleEntry>[] = [
  {
    key: 'row',
    label: rulesText.listColumn,
    title: rulesText.listColumnTitle,
    width: 'w-22',
    from: 'max-md:hidden',
    align: 'right',
    cell: ({ entryList: row }) => <span className="code text-muted">{row}</span>,
  },
  {
    key: 'protocol',
    label: rulesText.protocol,
    width: 'w-20',
    from: 'max-md:hidden',
    cell: ({ protocol }) => protocol,
  },
  {
    key: 'ports',
    label: rulesText.ports,
    title: rulesText.portsColumnTitle,
    width: 'w-36 max-md:w-34',
    cell: ({ protocol, from, to, length }) => (
      <span className="code" title={rulesText.prefixLength(length)}>
        <span className="md:hidden">{protocol} </span>
        {formatRuleEntryPorts(protocol, from, to)}
        {protocol !== 'icmp' && length < 16 && length > 0 && <span className="text-muted"> /{length}</span>}
      </span>
    ),
  },
  {
    key: 'verdict',
    label: rulesText.verdict,
    title: rulesText.verdictColumnTitle,
    width: 'w-22',
    cell: ({ verdict }) => <RuleActionLabel action={verdict} />,
  },
  {
    key: 'rule',
    label: rulesText.ruleColumn,
    head: true,
    width: 'w-64 max-md:w-auto',
    cell: ({ rule, log }) => <RuleLink rule={rule} log={log} />,
  },
  {
    key: 'for',
    label: rulesText.usesColumn,
    from: 'max-lg:hidden',
    cell: ({ uses }) => (
      <span className="text-ink-2" title={uses.map(formatRuleEntryUseDetails).join('\n')}>
        {uses.length === 0 ? (
          <span className="text-muted">{rulesText.unused}</span>
        ) : (
          formatRuleEntryUses(uses)
        )}
      </span>
    ),
  },
  {
    key: 'packets',
    label: rulesText.packets,
    title: rulesText.packetsColumnTitle,
    width: 'w-22 max-md:w-18',
    align: 'slot',
    cell: ({ packets }) => <SiNumber value={packets ?? Number.NaN} unknown={rulesText.noCounter} />,
  },
];

function RuleLink({ rule, log }: { rule: string | null; log: string | null }) {
  const name = rule ?? log;
  if (name === null) return <span className="text-ink-2">{rulesText.defaultAction}</span>;
  return (
    <Link
      href={`/rules?rule=${encodeURIComponent(name)}`}
      prefetch={false}
      data-row-link
      className="font-[550] after:absolute after:inset-0 focus-visible:outline-none"
    >
      {name}
      {rule === null && <span className="font-normal text-muted"> {rulesText.logs}</span>}
    </Link>
  );
}
