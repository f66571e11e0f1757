'use client';

import { Download, FileUp } from 'lucide-react';
import Link from 'next/link';
import type { ActiveRules } from '../../contract/rules.ts';
import { Button } from '../_components/button.tsx';
import { LabeledFact, LabeledFactList } from '../_components/labeled-fact.tsx';
import { PageTabs } from '../_components/page-tabs.tsx';
import { ValueSkeleton } from '../_components/skeleton.tsx';
import { WarningIcon } from '../_components/warning-icon.tsx';
import { formatClockTime, formatCount, formatDuration } from '../_lib/format.ts';
import { useActiveRules, useStagedRules } from '../_lib/rule-queries.ts';
import { isRulesWorkingCopyModified, useRulesWorkingCopy } from './_editor/working-copy.ts';
import { formatLearning } from './format-learning.ts';
import { rulesText } from './text.ts';

/** Header of the rules pages: facts about the active rules, and tabs. */
export function RulesPageHeader() {
  const { data: active, error } = useActiveRules();
  const { data: staged } = useStagedRules();
  const unsaved = isRulesWorkingCopyModified(useRulesWorkingCopy());
  return (
    <>
      <header className="flex items-center gap-x-4 gap-y-2 px-(--gutter) pt-3 pb-2 max-md:flex-col max-md:items-stretch">
        <div className="min-w-0 flex-1">
          <h1 className="flex flex-wrap items-baseline gap-x-3 font-semibold text-20 tracking-[-.014em]">
            {rulesText.rules}
            <span className="font-normal text-15 text-ink-2 tracking-normal">{active?.rules?.name}</span>
          </h1>
          <div className="mt-1 min-h-4">
            {active !== undefined ? (
              <ActiveRulesFacts active={active} />
            ) : (
              error === null && <ValueSkeleton className="w-80" />
            )}
          </div>
        </div>
        <div className="flex flex-none gap-2">
          <Button asChild>
            <Link href="/rules/editor?import">
              <FileUp aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
              {rulesText.import}
            </Link>
          </Button>
          {active?.rules != null && active.text !== null && (
            <Button asChild>
              <a href="/api/v1/rules/export" download={`${active.rules.name}.yaml`}>
                <Download aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
                {rulesText.export}
              </a>
            </Button>
          )}
        </div>
      </header>
      {active?.learning != null && (
        <p role="status" className="px-(--gutter) pb-2 text-12 text-ink-2 tabular-nums">
          {formatLearning(active.learning)}
        </p>
      )}
      {active?.problem != null && (
        <p role="alert" className="flex items-start gap-1.5 px-(--gutter) pb-2 text-12 text-ink-2">
          <WarningIcon className="mt-px size-3.5" />
          <span>
            <b className="font-semibold text-signal-text">{rulesText.olderRules}</b> {active.problem.detail}{' '}
            {active.problem.hint}
          </span>
        </p>
      )}
      <PageTabs
        label={rulesText.rules}
        tabs={[
          { href: '/rules', label: rulesText.rules, count: active?.rules?.rules.length },
          { href: '/rules/editor', label: rulesText.editor, count: unsaved ? rulesText.unsaved : undefined },
          {
            href: '/rules/staged',
            label: rulesText.stagedTab,
            count: staged == null ? undefined : 'running',
          },
          { href: '/rules/entries', label: rulesText.entries, count: active?.sizes.entries || undefined },
          { href: '/rules/explain', label: rulesText.lookupTab },
          { href: '/rules/versions', label: rulesText.versionsTable, count: active?.version || undefined },
        ]}
      />
    </>
  );
}

function ActiveRulesFacts({ active }: { active: ActiveRules }) {
  if (active.rules === null)
    return (
      <p className="text-12 text-ink-2">
        {rulesText.noRulesActive(
          active.time !== null
            ? rulesText.removedBy(formatClockTime(Date.parse(active.time)), active.actor ?? '')
            : '',
        )}
      </p>
    );
  const { sizes, load } = active;
  const ofCluster = active.rules.rules.length - active.ownRules;
  return (
    <LabeledFactList>
      {active.text !== null && (
        <>
          <LabeledFact label={rulesText.activeSince}>
            {active.time === null ? 'n/a' : formatClockTime(Date.parse(active.time))} by {active.actor}
          </LabeledFact>
          <LabeledFact label={rulesText.version}>{active.version}</LabeledFact>
        </>
      )}
      {ofCluster > 0 && (
        <LabeledFact label={rulesText.ofCluster} title={rulesText.ofClusterTitle}>
          {formatCount(ofCluster)}
        </LabeledFact>
      )}
      <LabeledFact label={rulesText.generation} title={rulesText.generationTitle}>
        {formatCount(active.generation)}
      </LabeledFact>
      <LabeledFact label={rulesText.defaultActionFact}>
        ingress {active.rules.defaults.ingress}, egress {active.rules.defaults.egress}
      </LabeledFact>
      <LabeledFact
        label={rulesText.entriesColumn}
        title={rulesText.sizesTitle(formatCount(sizes.prefixes), formatCount(sizes.identities))}
      >
        {rulesText.entriesInLists(formatCount(sizes.entries), formatCount(sizes.entryLists))}
      </LabeledFact>
      {load !== null && (
        <LabeledFact
          label={rulesText.compileAndLoad}
          title={rulesText.entryChanges(formatCount(load.written), formatCount(load.removed))}
        >
          {formatDuration(load.compileMs)}, {formatDuration(load.loadMs)}
        </LabeledFact>
      )}
      {load?.adopted != null && (
        <LabeledFact label={rulesText.adopted} title={rulesText.adoptedTitle}>
          {rulesText.adoptedConnections(load.adopted)}
        </LabeledFact>
      )}
    </LabeledFactList>
  );
}
