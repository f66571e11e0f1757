'use client';

import { Download, FileUp } from 'lucide-react';
import Link from 'next/link';
import type { ActiveRules } from '../../contract/rules.ts';
import { Button } from '../_components/button.tsx';
import { Fact, Facts } from '../_components/fact.tsx';
import { PageTabs } from '../_components/page-tabs.tsx';
import { Skeleton } from '../_components/skeleton.tsx';
import { WarningSign } from '../_components/warning-sign.tsx';
import { clock, count, duration } from '../_lib/format.ts';
import { useActiveRules, useDraftRules } from '../_lib/rule-queries.ts';
import { isDirty, useWorkingCopy } from './_editor/working-copy.ts';

/** What is in force, and the pages of the section. */
export function RulesHeader() {
  const { data: active, error } = useActiveRules();
  const { data: draft } = useDraftRules();
  const unsaved = isDirty(useWorkingCopy());
  return (
    <>
      <header className="flex items-center gap-x-4 gap-y-2 px-(--gutter) pt-3 pb-2 max-md:flex-col max-md:items-stretch">
        <div className="min-w-0 flex-1">
          <h1 className="flex flex-wrap items-baseline gap-x-3 font-semibold text-20 tracking-[-.014em]">
            Rules
            <span className="font-normal text-15 text-ink-2 tracking-normal">{active?.rules?.name}</span>
          </h1>
          <div className="mt-1 min-h-4">
            {active !== undefined ? (
              <ActiveRulesFacts active={active} />
            ) : (
              error === null && <Skeleton className="w-80" />
            )}
          </div>
        </div>
        <div className="flex flex-none gap-2">
          <Button asChild>
            <Link href="/rules/editor?import">
              <FileUp aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
              Import…
            </Link>
          </Button>
          {active?.rules != null && (
            <Button asChild>
              <a href="/api/v1/rules/export" download={`${active.rules.name}.yaml`}>
                <Download aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
                Export
              </a>
            </Button>
          )}
        </div>
      </header>
      {active?.problem != null && (
        <p role="alert" className="flex items-start gap-1.5 px-(--gutter) pb-2 text-12 text-ink-2">
          <WarningSign className="mt-px size-3.5" />
          <span>
            <b className="font-semibold text-signal-text">Older rules are in force.</b>{' '}
            {active.problem.detail} {active.problem.hint}
          </span>
        </p>
      )}
      <PageTabs
        label="Rules"
        tabs={[
          { href: '/rules', label: 'Rules', count: active?.rules?.rules.length },
          { href: '/rules/editor', label: 'Editor', count: unsaved ? 'not applied' : undefined },
          { href: '/rules/staged', label: 'Try-out', count: draft == null ? undefined : 'running' },
          { href: '/rules/entries', label: 'Entries', count: active?.sizes.entries || undefined },
          { href: '/rules/explain', label: 'Explain' },
          { href: '/rules/versions', label: 'Versions', count: active?.version || undefined },
        ]}
      />
    </>
  );
}

function ActiveRulesFacts({ active }: { active: ActiveRules }) {
  if (active.rules === null)
    return (
      <p className="text-12 text-ink-2">
        No rules are in force: all packets pass, and none is asked about.
        {active.time !== null && ` Taken away ${clock(Date.parse(active.time))} by ${active.actor}.`}
      </p>
    );
  const { sizes, load } = active;
  return (
    <Facts>
      <Fact label="in force since">
        {active.time === null ? 'n/a' : clock(Date.parse(active.time))} by {active.actor}
      </Fact>
      <Fact label="version">{active.version}</Fact>
      <Fact label="generation" title="Of the kernel’s tables; rises with every change of rules or pods">
        {count(active.generation)}
      </Fact>
      <Fact label="otherwise">
        ingress {active.rules.defaults.ingress}, egress {active.rules.defaults.egress}
      </Fact>
      <Fact
        label="entries"
        title={`${count(sizes.prefixes)} prefixes, ${count(sizes.identities)} identities`}
      >
        {count(sizes.entries)} in {count(sizes.rows)} rows
      </Fact>
      {load !== null && (
        <Fact
          label="compiled and loaded in"
          title={`${count(load.written)} entries written, ${count(load.removed)} removed`}
        >
          {duration(load.compileMs)}, {duration(load.loadMs)}
        </Fact>
      )}
    </Facts>
  );
}
