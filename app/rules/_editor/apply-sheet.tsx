'use client';

import { useState } from 'react';
import type { RulesPlan } from '../../../contract/rules.ts';
import { CopyButton } from '../../_components/copy-button.tsx';
import { showToast } from '../../_components/toast.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatCount } from '../../_lib/format.ts';
import { useApplyRules } from '../../_lib/rule-queries.ts';
import { sharedText } from '../../_text/shared.ts';
import { RuleVersionCommentField } from '../_components/comment-field.tsx';
import { ConfirmApplyRulesSheet } from '../_components/confirm-apply-sheet.tsx';
import { formatRuleChanges, RuleChangesSection } from './rule-changes.tsx';
import { RuleSizesTable } from './sizes-table.tsx';
import { editorText } from './text.ts';
import { type RulesWorkingCopy, updateRulesWorkingCopy } from './working-copy.ts';

/** Sheet that confirms applying the editor's rules: shows changes, map updates and warnings, and takes a comment. */
export function ApplyEditedRulesSheet({
  copy,
  plan,
  close,
}: {
  copy: RulesWorkingCopy;
  plan: RulesPlan;
  close: () => void;
}) {
  const [comment, setComment] = useState('');
  const apply = useApplyRules();
  const { text, etag } = copy;
  const go = () =>
    apply.mutate(
      { text, etag, comment },
      {
        onSuccess: (active) => {
          updateRulesWorkingCopy({
            opened: text,
            source: 'active',
            version: active.version,
            etag: active.etag,
          });
          showToast({
            title: editorText.versionActive(active.version),
            detail: formatRuleChanges(plan.changes),
            tone: 'done',
          });
          close();
        },
      },
    );
  return (
    <ConfirmApplyRulesSheet
      title={editorText.applyTitle}
      description={editorText.applyDescription}
      apply={apply}
      conflict={editorText.applyConflict}
      go={go}
      close={close}
    >
      <RuleChangesSection changes={plan.changes}>
        <p className="pt-1 text-12 text-ink-2">{editorText.establishedNote}</p>
      </RuleChangesSection>
      {plan.warnings.length > 0 && (
        <section>
          <h3 className="font-semibold">{editorText.warnings}</h3>
          <ul className="mt-1 grid gap-1 border-line-2 border-t pt-1.5 text-12 text-ink-2">
            {plan.warnings.map(({ rule, message }) => (
              <li key={`${rule} ${message}`} className="flex items-start gap-1.5">
                <WarningIcon className="mt-px size-3.5" /> {rule}: {message}
              </li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h3 className="font-semibold">
          {editorText.kernelTables}{' '}
          <span className="font-normal text-12 text-muted">
            {editorText.entryChanges(formatCount(plan.write.written), formatCount(plan.write.removed))}
          </span>
        </h3>
        <div className="mt-1 border-line-2 border-t">
          <RuleSizesTable sizes={plan.sizes} limits={plan.limits} />
        </div>
      </section>
      <RuleVersionCommentField
        value={comment}
        change={setComment}
        enter={() => !apply.isPending && go()}
        placeholder={editorText.commentExample}
      />
      <section>
        <h3 className="text-12 text-muted">{sharedText.equivalentCommand}</h3>
        <div className="mt-1 flex items-start gap-2">
          <pre className="code min-w-0 whitespace-pre-wrap break-words text-ink-1">{command}</pre>
          <CopyButton text={command} what={sharedText.copyCommand} />
        </div>
      </section>
    </ConfirmApplyRulesSheet>
  );
}

const command = `curl --unix-socket /run/podlane/agent.sock -X PUT http://localhost/api/v1/rules \\
  -H 'content-type: application/yaml' --data-binary @rules.yaml`;
