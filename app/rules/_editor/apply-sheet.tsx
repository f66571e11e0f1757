'use client';

import { useState } from 'react';
import type { RulesPlan } from '../../../contract/rules.ts';
import { CopyButton } from '../../_components/copy-button.tsx';
import { notify } from '../../_components/toast.tsx';
import { WarningSign } from '../../_components/warning-sign.tsx';
import { count } from '../../_lib/format.ts';
import { useApplyRules } from '../../_lib/rule-queries.ts';
import { ConfirmApplySheet } from '../_components/confirm-apply-sheet.tsx';
import { CommentField } from '../_components/comment-field.tsx';
import { RuleChangesSection, ruleChangesSummary } from './rule-changes.tsx';
import { SizesTable } from './sizes-table.tsx';
import { changeCopy, type WorkingCopy } from './working-copy.ts';

/** The last look before the rules hold: what changes, how much is written, why. */
export function ApplySheet({ copy, plan, close }: { copy: WorkingCopy; plan: RulesPlan; close: () => void }) {
  const [comment, setComment] = useState('');
  const apply = useApplyRules();
  const { text, etag } = copy;
  const go = () =>
    apply.mutate(
      { text, etag, comment },
      {
        onSuccess: (active) => {
          changeCopy({ opened: text, source: 'active', version: active.version, etag: active.etag });
          notify({
            title: `Version ${active.version} is in force`,
            detail: ruleChangesSummary(plan.changes),
            tone: 'done',
          });
          close();
        },
      },
    );
  return (
    <ConfirmApplySheet
      title="Apply these rules"
      description="What would change, and how much is written for it. Nothing has been changed yet."
      apply={apply}
      conflict="Not applied: somebody else changed the rules meanwhile. Close this to see it."
      go={go}
      close={close}
    >
      <RuleChangesSection changes={plan.changes}>
        <p className="pt-1 text-12 text-ink-2">
          Established connections are judged again; no packet sees half of the old rules and half of the new
          ones.
        </p>
      </RuleChangesSection>
      {plan.warnings.length > 0 && (
        <section>
          <h3 className="font-semibold">Warnings</h3>
          <ul className="mt-1 grid gap-1 border-line-2 border-t pt-1.5 text-12 text-ink-2">
            {plan.warnings.map(({ rule, message }) => (
              <li key={`${rule} ${message}`} className="flex items-start gap-1.5">
                <WarningSign className="mt-px size-3.5" /> {rule}: {message}
              </li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h3 className="font-semibold">
          Kernel tables{' '}
          <span className="font-normal text-12 text-muted">
            {count(plan.write.written)} entries written, {count(plan.write.removed)} removed
          </span>
        </h3>
        <div className="mt-1 border-line-2 border-t">
          <SizesTable sizes={plan.sizes} limits={plan.limits} />
        </div>
      </section>
      <CommentField
        value={comment}
        change={setComment}
        enter={() => !apply.isPending && go()}
        placeholder="e.g. let the new gateway in"
      />
      <section>
        <h3 className="text-12 text-muted">The command that does the same</h3>
        <div className="mt-1 flex items-start gap-2">
          <pre className="code min-w-0 whitespace-pre-wrap break-words text-ink-1">{command}</pre>
          <CopyButton text={command} what="the command" />
        </div>
      </section>
    </ConfirmApplySheet>
  );
}

const command = `curl --unix-socket /run/podlane/agent.sock -X PUT http://localhost/api/v1/rules \\
  -H 'content-type: application/yaml' --data-binary @rules.yaml`;
