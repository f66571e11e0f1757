'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import type { StagedRules } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { Fact, Facts } from '../../_components/fact.tsx';
import { notify } from '../../_components/toast.tsx';
import { WarningSign } from '../../_components/warning-sign.tsx';
import { clock, count, duration, span } from '../../_lib/format.ts';
import { useActiveRules, useApplyStagedRules, useDiscardStagedRules } from '../../_lib/rule-queries.ts';
import { useMissingRole } from '../../_lib/session-queries.ts';
import { useNow } from '../../_lib/use-now.ts';
import { sharedText } from '../../_text/shared.ts';
import { CommentField } from '../_components/comment-field.tsx';
import { ConfirmApplySheet } from '../_components/confirm-apply-sheet.tsx';
import { RuleChangesSection, ruleChangesSummary } from '../_editor/rule-changes.tsx';
import { rulesText } from '../text.ts';

/** Header of the staged rules: origin, sizes, problems and buttons. */
export function StagedHeader({ staged }: { staged: StagedRules }) {
  const { data: active } = useActiveRules();
  const now = useNow();
  const lacks = useMissingRole('operator');
  const [applying, setApplying] = useState(false);
  const drop = useDiscardStagedRules();
  const outdated = active !== undefined && active.version !== staged.base;
  return (
    <header className="flex items-center gap-x-4 gap-y-2 px-(--gutter) py-3 max-md:flex-col max-md:items-stretch">
      <div className="min-w-0 flex-1">
        <h2 className="flex flex-wrap items-baseline gap-x-3 font-semibold text-15">
          {staged.rules.name}
          <span className="font-normal text-12 text-muted">
            {staged.evaluating ? rulesText.stagedState : rulesText.stagedInactive}
          </span>
        </h2>
        <div className="mt-1">
          <Facts>
            <Fact label={rulesText.since}>
              {clock(Date.parse(staged.time))} by {staged.actor}
              {now > 0 && <span className="text-muted"> ({span(now - Date.parse(staged.time))})</span>}
            </Fact>
            <Fact label={rulesText.againstVersion}>{staged.base}</Fact>
            <Fact label={rulesText.changes}>{ruleChangesSummary(staged.changes)}</Fact>
            <Fact label={rulesText.entriesColumn}>{count(staged.sizes.entries)}</Fact>
            {staged.load !== null && (
              <Fact label={rulesText.loadedIn}>{duration(staged.load.compileMs + staged.load.loadMs)}</Fact>
            )}
          </Facts>
        </div>
        {staged.problem !== null && <Sentence>{staged.problem.detail}</Sentence>}
        {outdated && <Sentence>{rulesText.outdatedStage(active.version)}</Sentence>}
        {lacks !== null && <p className="mt-1 text-12 text-ink-2">{lacks}</p>}
      </div>
      <div className="flex flex-none flex-wrap gap-2">
        <Button
          disabled={lacks !== null || drop.isPending}
          onClick={() =>
            drop.mutate(staged.etag, {
              onError: (error) =>
                notify({ title: rulesText.discardFailed, detail: error.message, tone: 'failed' }),
            })
          }
        >
          {sharedText.discard}
        </Button>
        <Button asChild>
          <Link href="/rules/editor">{sharedText.edit}</Link>
        </Button>
        <Button look="primary" disabled={lacks !== null || outdated} onClick={() => setApplying(true)}>
          {rulesText.applyStagedDialog}
        </Button>
      </div>
      {applying && <ApplyStagedSheet staged={staged} close={() => setApplying(false)} />}
    </header>
  );
}

function Sentence({ children }: { children: React.ReactNode }) {
  return (
    <p className="mt-1 flex items-start gap-1.5 text-12 text-ink-2">
      <WarningSign className="mt-px size-3.5" />
      <span>{children}</span>
    </p>
  );
}

function ApplyStagedSheet({ staged, close }: { staged: StagedRules; close: () => void }) {
  const router = useRouter();
  const [comment, setComment] = useState('');
  const apply = useApplyStagedRules();
  // The stream may report that the stage is empty and unmount this component before the call returns.
  const go = () =>
    void apply.mutateAsync({ etag: staged.etag, comment }).then(
      ({ version }) => {
        notify({
          title: rulesText.versionActive(version),
          detail: ruleChangesSummary(staged.changes),
          tone: 'done',
        });
        router.push('/rules');
      },
      () => {},
    );
  return (
    <ConfirmApplySheet
      title={rulesText.applyStagedTitle}
      description={rulesText.applyStagedDescription}
      apply={apply}
      conflict={rulesText.applyStagedConflict}
      go={go}
      close={close}
    >
      <RuleChangesSection changes={staged.changes} />
      <CommentField value={comment} change={setComment} enter={() => !apply.isPending && go()} />
    </ConfirmApplySheet>
  );
}
