'use client';

import { useRouter } from 'next/navigation';
import { useState } from 'react';
import type { RuleVersion } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { LabeledFact, LabeledFactList } from '../../_components/labeled-fact.tsx';
import { SheetSkeleton } from '../../_components/sheet-skeleton.tsx';
import { SideSheet } from '../../_components/side-sheet.tsx';
import { showToast } from '../../_components/toast.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatClockTime, formatCount } from '../../_lib/format.ts';
import {
  useActiveRules,
  useApplyRuleVersion,
  useRulesDryRun,
  useRuleVersion,
} from '../../_lib/rule-queries.ts';
import { useMissingRoleReason } from '../../_lib/session-queries.ts';
import { RuleVersionCommentField } from '../_components/comment-field.tsx';
import { RuleChangeErrorNote } from '../_components/rule-change-error-note.tsx';
import { formatRuleChanges, RuleChangeList } from '../_editor/rule-changes.tsx';
import { openRulesWorkingCopy } from '../_editor/working-copy.ts';
import { rulesText } from '../text.ts';

/** Sheet of a version of the rules: its text, the changes that a rollback would make, and the button to roll back. */
export function RuleVersionSheet({ version, close }: { version: RuleVersion | null; close: () => void }) {
  if (version === null) return null;
  return <VersionDetails version={version} close={close} key={version.number} />;
}

function VersionDetails({ version, close }: { version: RuleVersion; close: () => void }) {
  const { number, active: inForce } = version;
  const router = useRouter();
  const { data, error, refetch } = useRuleVersion(number);
  const { data: active } = useActiveRules();
  const missingRole = useMissingRoleReason('operator');
  const [comment, setComment] = useState('');
  const apply = useApplyRuleVersion();
  const text = data?.text ?? null;
  const plan = useRulesDryRun(inForce || missingRole !== null ? null : text, null);
  const go = () =>
    apply.mutate(
      { number, etag: active?.etag ?? null, comment },
      {
        onSuccess: ({ version: made }) => {
          showToast({
            title: rulesText.rolledBack(number),
            detail: rulesText.asVersion(made),
            tone: 'done',
          });
          close();
        },
      },
    );
  const edit = () => {
    if (active === undefined || text === null) return;
    openRulesWorkingCopy({ text, opened: '', source: 'version', version: active.version, etag: active.etag });
    router.push('/rules/editor');
  };
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && close()}
      title={rulesText.versionTitle(number)}
      description={rulesText.versionDescription}
      head={inForce && <span className="text-12 text-accent-text">{rulesText.active}</span>}
      footer={
        <>
          <RuleChangeErrorNote error={apply.error} conflict={rulesText.rollbackConflict}>
            {missingRole}
          </RuleChangeErrorNote>
          {text !== null && <Button onClick={edit}>{rulesText.openInEditor}</Button>}
          {!inForce && (
            <Button
              look="primary"
              disabled={missingRole !== null || apply.isPending || data === undefined}
              onClick={go}
            >
              {rulesText.rollBack}
            </Button>
          )}
        </>
      }
    >
      <div className="grid gap-5 p-6 max-md:p-4">
        <LabeledFactList>
          <LabeledFact label={rulesText.activeSince}>{formatClockTime(Date.parse(version.time))}</LabeledFact>
          <LabeledFact label={rulesText.decidedBy}>{version.actor}</LabeledFact>
          {version.comment !== '' && (
            <LabeledFact label={rulesText.commentFact}>{version.comment}</LabeledFact>
          )}
        </LabeledFactList>
        {!inForce && (
          <>
            <section>
              <h3 className="font-semibold">
                {rulesText.changesIfApplied}{' '}
                <span className="font-normal text-12 text-muted">
                  {plan.data !== undefined && formatRuleChanges(plan.data.changes)}
                </span>
              </h3>
              <div className="mt-1 border-line-2 border-t pt-1 text-12 text-ink-2">
                {data !== undefined && text === null ? (
                  <p>{rulesText.removesAll}</p>
                ) : plan.error !== null ? (
                  <p className="flex items-start gap-1.5">
                    <WarningIcon className="mt-px size-3.5" /> {plan.error.message}
                  </p>
                ) : (
                  plan.data !== undefined && (
                    <>
                      <RuleChangeList changes={plan.data.changes} />
                      <p className="pt-1 tabular-nums">
                        {rulesText.entryChanges(
                          formatCount(plan.data.write.written),
                          formatCount(plan.data.write.removed),
                        )}
                      </p>
                    </>
                  )
                )}
              </div>
            </section>
            <RuleVersionCommentField
              value={comment}
              change={setComment}
              hint={rulesText.rollbackCommentHint}
            />
          </>
        )}
        {error !== null ? (
          <ErrorState error={error} retry={() => void refetch()} />
        ) : data === undefined ? (
          <SheetSkeleton lines={6} />
        ) : (
          text !== null && (
            <section>
              <h3 className="flex items-center gap-2 font-semibold">
                {rulesText.versionText} <CopyButton text={text} what={rulesText.copyRules} />
              </h3>
              <pre
                // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
                tabIndex={0}
                className="code mt-1 max-h-[60vh] overflow-auto border-line-2 border-t py-2 text-ink-1"
              >
                {text}
              </pre>
            </section>
          )
        )}
      </div>
    </SideSheet>
  );
}
