'use client';

import { useSearchParams } from 'next/navigation';
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
import { SiNumber } from '../../_components/number-display.tsx';
import { RuleActionLabel } from '../../_components/rule-action-label.tsx';
import { DataTable } from '../../_components/table/data-table.tsx';
import { TableFooter } from '../../_components/table/table-footer.tsx';
import { formatCount } from '../../_lib/format.ts';
import { useActiveRules, useRuleStatistics } from '../../_lib/rule-queries.ts';
import { useSamplesAreStale } from '../../_lib/time-series/use-time-series.ts';
import { useUrlQueryState } from '../../_lib/use-url-state.ts';
import { sharedText } from '../../_text/shared.ts';
import { RuleSheet } from '../_rule/rule-sheet.tsx';
import { ruleMatchesSearch, sortByEvaluationOrder } from '../rule-labels.ts';
import { rulesText } from '../text.ts';
import { NoRulesNotice } from './no-rules.tsx';
import { type RuleListRow, ruleColumns } from './rule-columns.tsx';
import {
  buildRuleListQuery,
  emptyRuleListFilter,
  isRuleListFiltered,
  parseRuleListFilter,
} from './rule-filter-params.ts';
import { computeRuleCounts } from './rule-packet-counts.ts';

const directions = ['ingress', 'egress'] as const;
const actions = ['allow', 'deny', 'log'] as const;

/** Page that lists the active rules in evaluation order, with live counts. */
export function RuleListPage() {
  const { data: active, error, refetch } = useActiveRules();
  const rules = active?.rules?.rules;
  const statistics = useRuleStatistics(rules !== undefined);
  const [view, change] = useUrlQueryState(parseRuleListFilter, buildRuleListQuery);
  const search = useSearchParams();
  const stale = useSamplesAreStale();
  const counts = useMemo(() => computeRuleCounts(statistics.data ?? []), [statistics.data]);
  const rows = useMemo(() => {
    if (active === undefined) return null;
    const warnings = new Map(active.warnings.map(({ rule, message }) => [rule, message]));
    const shared = buildRuleListQuery(view);
    return sortByEvaluationOrder(active.rules?.rules ?? [])
      .map(
        ({ rule, index: place }, index): RuleListRow => ({
          rule,
          order: index + 1,
          ofCluster: place >= active.ownRules,
          counts: counts.get(rule.name),
          warning: warnings.get(rule.name),
          href: `/rules?${shared === '' ? '' : `${shared}&`}rule=${encodeURIComponent(rule.name)}`,
        }),
      )
      .filter(
        ({ rule }) =>
          ruleMatchesSearch(rule, view.text) &&
          (view.directions.length === 0 || view.directions.includes(rule.direction)) &&
          (view.actions.length === 0 || view.actions.includes(rule.action)),
      );
  }, [active, counts, view]);

  if (active === undefined && error !== null)
    return (
      <div className="px-(--gutter) py-6">
        <ErrorState error={error} retry={() => void refetch()} />
      </div>
    );
  if (active?.rules === null) return <NoRulesNotice active={active} />;
  const clear = () => change(emptyRuleListFilter);
  const rest = counts.get('');
  return (
    <>
      <FilterBar>
        <FilterTextField
          text={view.text}
          change={(text) => change({ text })}
          label={rulesText.filterRules}
          placeholder={rulesText.ruleFilterPlaceholder}
        />
        <div className="flex flex-wrap items-center gap-1 max-md:-mx-2">
          {directions.map((direction) => (
            <FacetButton
              key={direction}
              count={rules?.filter((rule) => rule.direction === direction).length}
              on={view.directions.includes(direction)}
              toggle={() => change({ directions: toggleListItem(view.directions, direction) })}
            >
              {direction}
            </FacetButton>
          ))}
          <FacetDivider />
          {actions.map((action) => (
            <FacetButton
              key={action}
              count={rules?.filter((rule) => rule.action === action).length}
              on={view.actions.includes(action)}
              toggle={() => change({ actions: toggleListItem(view.actions, action) })}
            >
              <RuleActionLabel action={action} />
            </FacetButton>
          ))}
        </div>
      </FilterBar>
      {rows?.length === 0 ? (
        <div className="px-(--gutter) py-6" role="status">
          <EmptyState
            title={rulesText.noRuleMatches}
            action={<Button onClick={clear}>{sharedText.clearFilter}</Button>}
          >
            {rulesText.activeRuleCount(formatCount(rules?.length ?? 0))}
          </EmptyState>
        </div>
      ) : (
        <div className={stale ? 'stale' : ''}>
          <DataTable
            label={rulesText.rules}
            columns={ruleColumns}
            rows={rows}
            rowKey={({ rule }) => rule.name}
            clear={clear}
            top="top-(--chrome) md:top-[calc(var(--chrome)+var(--bar))]"
          />
        </div>
      )}
      {active?.rules != null && (
        <p className="flex flex-wrap items-baseline gap-x-1.5 px-(--gutter) py-2 text-12 text-ink-2">
          {rulesText.defaultActions(active.rules.defaults.ingress, active.rules.defaults.egress)}
          {rest !== undefined && (
            <span className="text-muted">
              · <SiNumber value={rest.packets} slot={false} unknown={rulesText.noCounter} />{' '}
              {rulesText.packets}
            </span>
          )}
        </p>
      )}
      <span className="mt-auto" />
      <TableFooter
        keys={rulesText.keyHints}
        text={
          rows === null
            ? ''
            : isRuleListFiltered(view)
              ? rulesText.filteredRuleCount(formatCount(rows.length), formatCount(rules?.length ?? 0))
              : rulesText.ruleCount(rows.length)
        }
      />
      <RuleSheet name={search.get('rule')} />
    </>
  );
}
