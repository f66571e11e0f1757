'use client';

import Link from 'next/link';
import { useRouter, useSearchParams } from 'next/navigation';
import type { RuleVersion } from '../../../contract/rules.ts';
import { EmptyState } from '../../_components/empty-state.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { DataTable } from '../../_components/table/data-table.tsx';
import type { TableColumn } from '../../_components/table/table-column.ts';
import { formatClockTime, formatCount } from '../../_lib/format.ts';
import { useRuleVersions } from '../../_lib/rule-queries.ts';
import { rulesText } from '../text.ts';
import { RemoveRulesSheet } from './remove-rules-sheet.tsx';
import { RuleVersionSheet } from './version-sheet.tsx';

/** Page that lists the latest versions of the rules with author and comment, and offers to roll back to one. */
export function RuleVersionsPage() {
  const { data, error, refetch } = useRuleVersions();
  const shown = Number(useSearchParams().get('version'));
  const router = useRouter();
  if (data === undefined && error !== null)
    return (
      <div className="px-(--gutter) py-6">
        <ErrorState error={error} retry={() => void refetch()} />
      </div>
    );
  if (data?.length === 0)
    return (
      <div className="px-(--gutter) py-6">
        <EmptyState title={rulesText.noVersionsTitle}>
          <p>{rulesText.noVersionsDetail}</p>
        </EmptyState>
      </div>
    );
  return (
    <>
      <RemoveRulesSheet />
      <DataTable
        label={rulesText.versionsTable}
        columns={columns}
        rows={data ?? null}
        rowKey={({ number }) => String(number)}
      />
      <RuleVersionSheet
        version={data?.find(({ number }) => number === shown) ?? null}
        close={() => router.push('/rules/versions', { scroll: false })}
      />
    </>
  );
}

const columns: readonly TableColumn<RuleVersion>[] = [
  {
    key: 'number',
    label: rulesText.version,
    width: 'w-24',
    head: true,
    cell: ({ number }) => (
      <Link
        href={`/rules/versions?version=${number}`}
        scroll={false}
        prefetch={false}
        data-row-link
        className="font-[550] tabular-nums after:absolute after:inset-0 focus-visible:outline-none"
      >
        {number}
      </Link>
    ),
  },
  {
    key: 'state',
    label: rulesText.state,
    width: 'w-24 max-md:w-20',
    cell: ({ active }) =>
      active ? <span className="font-[550] text-accent-text">{rulesText.active}</span> : null,
  },
  {
    key: 'time',
    label: rulesText.activeSince,
    width: 'w-36 max-md:w-32',
    cell: ({ time }) => <span className="text-ink-2 tabular-nums">{formatClockTime(Date.parse(time))}</span>,
  },
  {
    key: 'actor',
    label: rulesText.decidedBy,
    width: 'w-40',
    from: 'max-md:hidden',
    cell: ({ actor }) => <span className="text-ink-2">{actor}</span>,
  },
  {
    key: 'name',
    label: rulesText.ruleSet,
    width: 'w-52',
    from: 'max-lg:hidden',
    cell: ({ name }) => name ?? <span className="text-ink-2">{rulesText.removedRules}</span>,
  },
  {
    key: 'rules',
    label: rulesText.rulesColumn,
    width: 'w-18',
    from: 'max-md:hidden',
    align: 'right',
    cell: ({ rules }) => <span className="tabular-nums">{formatCount(rules)}</span>,
  },
  {
    key: 'comment',
    label: rulesText.commentColumn,
    cell: ({ comment, restored }) => (
      <span className="text-ink-2" title={comment}>
        {restored !== null && <span className="text-muted">{rulesText.restoredVersion(restored)} </span>}
        {comment}
      </span>
    ),
  },
];
