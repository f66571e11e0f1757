'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import type { DraftRules } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { Fact, Facts } from '../../_components/fact.tsx';
import { notify } from '../../_components/toast.tsx';
import { WarningSign } from '../../_components/warning-sign.tsx';
import { clock, count, duration, span } from '../../_lib/format.ts';
import { useActiveRules, useApplyDraft, useDropDraft } from '../../_lib/rule-queries.ts';
import { useNow } from '../../_lib/time-series/pod-samples.ts';
import { useMissingRole } from '../../_lib/session-queries.ts';
import { ConfirmApplySheet } from '../_components/confirm-apply-sheet.tsx';
import { CommentField } from '../_components/comment-field.tsx';
import { RuleChangesSection, ruleChangesSummary } from '../_editor/rule-changes.tsx';

/** What is tried out, since when, and what can be done with it. */
export function StagedHeader({ draft }: { draft: DraftRules }) {
  const { data: active } = useActiveRules();
  const now = useNow();
  const lacks = useMissingRole('operator');
  const [applying, setApplying] = useState(false);
  const drop = useDropDraft();
  const overtaken = active !== undefined && active.version !== draft.base;
  return (
    <header className="flex items-center gap-x-4 gap-y-2 px-(--gutter) py-3 max-md:flex-col max-md:items-stretch">
      <div className="min-w-0 flex-1">
        <h2 className="flex flex-wrap items-baseline gap-x-3 font-semibold text-15">
          {draft.rules.name}
          <span className="font-normal text-12 text-muted">
            {draft.judging
              ? 'judges live traffic beside the rules in force, and only reports'
              : 'is not judging'}
          </span>
        </h2>
        <div className="mt-1">
          <Facts>
            <Fact label="since">
              {clock(Date.parse(draft.time))} by {draft.actor}
              {now > 0 && <span className="text-muted"> ({span(now - Date.parse(draft.time))})</span>}
            </Fact>
            <Fact label="against version">{draft.base}</Fact>
            <Fact label="changes">{ruleChangesSummary(draft.changes)}</Fact>
            <Fact label="entries">{count(draft.sizes.entries)}</Fact>
            {draft.load !== null && (
              <Fact label="loaded in">{duration(draft.load.compileMs + draft.load.loadMs)}</Fact>
            )}
          </Facts>
        </div>
        {draft.problem !== null && <Sentence>{draft.problem.detail}</Sentence>}
        {overtaken && (
          <Sentence>
            Version {active.version} was put in force since: look at the draft in the editor and save it
            again, then it can be applied.
          </Sentence>
        )}
        {lacks !== null && <p className="mt-1 text-12 text-ink-2">{lacks}</p>}
      </div>
      <div className="flex flex-none flex-wrap gap-2">
        <Button
          disabled={lacks !== null || drop.isPending}
          onClick={() =>
            drop.mutate(draft.etag, {
              onError: (error) =>
                notify({ title: 'The draft was not discarded', detail: error.message, tone: 'failed' }),
            })
          }
        >
          Discard
        </Button>
        <Button asChild>
          <Link href="/rules/editor">Edit</Link>
        </Button>
        <Button look="primary" disabled={lacks !== null || overtaken} onClick={() => setApplying(true)}>
          Apply the draft…
        </Button>
      </div>
      {applying && <ApplyStagedSheet draft={draft} close={() => setApplying(false)} />}
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

function ApplyStagedSheet({ draft, close }: { draft: DraftRules; close: () => void }) {
  const router = useRouter();
  const [comment, setComment] = useState('');
  const apply = useApplyDraft();
  // The stream may tell that the draft is gone, and take this away with it, before the call is answered.
  const go = () =>
    void apply.mutateAsync({ etag: draft.etag, comment }).then(
      ({ version }) => {
        notify({
          title: `Version ${version} is in force`,
          detail: ruleChangesSummary(draft.changes),
          tone: 'done',
        });
        router.push('/rules');
      },
      () => {},
    );
  return (
    <ConfirmApplySheet
      title="Apply the draft"
      description="What would change. The draft ends, and its rules hold from then on."
      apply={apply}
      conflict="Not applied: the rules were changed meanwhile. Look at the draft in the editor and save it again."
      go={go}
      close={close}
    >
      <RuleChangesSection changes={draft.changes} />
      <CommentField value={comment} change={setComment} enter={() => !apply.isPending && go()} />
    </ConfirmApplySheet>
  );
}
