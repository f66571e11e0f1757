'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import type { StagedRules } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { LabeledFact, LabeledFactList } from '../../_components/labeled-fact.tsx';
import { showToast } from '../../_components/toast.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatClockTime, formatCount, formatDuration, formatElapsedTime } from '../../_lib/format.ts';
import { useActiveRules, useApplyStagedRules, useDiscardStagedRules } from '../../_lib/rule-queries.ts';
import { useMissingRoleReason } from '../../_lib/session-queries.ts';
import { useCurrentTime } from '../../_lib/use-current-time.ts';
import { sharedText } from '../../_text/shared.ts';
import { RuleVersionCommentField } from '../_components/comment-field.tsx';
import { ConfirmApplyRulesSheet } from '../_components/confirm-apply-sheet.tsx';
import { formatRuleChanges, RuleChangesSection } from '../_editor/rule-changes.tsx';
import { rulesText } from '../text.ts';

/** Shows the origin, sizes and problems of the staged rules, and the buttons that act on them. */
export function StagedRulesHeader({ staged }: { staged: StagedRules }) {
  const { data: active } = useActiveRules();
  const now = useCurrentTime();
  const missingRole = useMissingRoleReason('operator');
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
          <LabeledFactList>
            <LabeledFact label={rulesText.since}>
              {formatClockTime(Date.parse(staged.time))} by {staged.actor}
              {now > 0 && (
                <span className="text-muted"> ({formatElapsedTime(now - Date.parse(staged.time))})</span>
              )}
            </LabeledFact>
            <LabeledFact label={rulesText.againstVersion}>{staged.base}</LabeledFact>
            <LabeledFact label={rulesText.changes}>{formatRuleChanges(staged.changes)}</LabeledFact>
            <LabeledFact label={rulesText.entriesColumn}>{formatCount(staged.sizes.entries)}</LabeledFact>
            {staged.load !== null && (
              <LabeledFact label={rulesText.loadedIn}>
                {formatDuration(staged.load.compileMs + staged.load.loadMs)}
              </LabeledFact>
            )}
          </LabeledFactList>
        </div>
        {staged.problem !== null && <Sentence>{staged.problem.detail}</Sentence>}
        {outdated && <Sentence>{rulesText.outdatedStage(active.version)}</Sentence>}
        {missingRole !== null && <p className="mt-1 text-12 text-ink-2">{missingRole}</p>}
      </div>
      <div className="flex flex-none flex-wrap gap-2">
        <Button
          disabled={missingRole !== null || drop.isPending}
          onClick={() =>
            drop.mutate(staged.etag, {
              onError: (error) =>
                showToast({ title: rulesText.discardFailed, detail: error.message, tone: 'failed' }),
            })
          }
        >
          {sharedText.discard}
        </Button>
        <Button asChild>
          <Link href="/rules/editor">{sharedText.edit}</Link>
        </Button>
        <Button look="primary" disabled={missingRole !== null || outdated} onClick={() => setApplying(true)}>
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
      <WarningIcon className="mt-px size-3.5" />
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
        showToast({
          title: rulesText.versionActive(version),
          detail: formatRuleChanges(staged.changes),
          tone: 'done',
        });
        router.push('/rules');
      },
      () => {},
    );
  return (
    <ConfirmApplyRulesSheet
      title={rulesText.applyStagedTitle}
      description={rulesText.applyStagedDescription}
      apply={apply}
      conflict={rulesText.applyStagedConflict}
      go={go}
      close={close}
    >
      <RuleChangesSection changes={staged.changes} />
      <RuleVersionCommentField value={comment} change={setComment} enter={() => !apply.isPending && go()} />
    </ConfirmApplyRulesSheet>
  );
}
