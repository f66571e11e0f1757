'use client';

import { useState } from 'react';
import { Button } from '../../_components/button.tsx';
import { SideSheet } from '../../_components/side-sheet.tsx';
import { showToast } from '../../_components/toast.tsx';
import { formatCount } from '../../_lib/format.ts';
import { useActiveRules, useRemoveRules } from '../../_lib/rule-queries.ts';
import { useMissingRoleReason } from '../../_lib/session-queries.ts';
import { sharedText } from '../../_text/shared.ts';
import { RuleChangeErrorNote } from '../_components/rule-change-error-note.tsx';
import { rulesText } from '../text.ts';

/** Renders the button that removes all rules, and the sheet that confirms the removal. */
export function RemoveRulesSheet() {
  const { data: active } = useActiveRules();
  const missingRole = useMissingRoleReason('operator');
  const [open, setOpen] = useState(false);
  const remove = useRemoveRules();
  if (active?.rules == null || active.text === null) return null;
  const close = () => {
    setOpen(false);
    remove.reset();
  };
  const go = () =>
    remove.mutate(
      { etag: active.etag },
      {
        onSuccess: () => {
          showToast({ title: rulesText.noRulesTitle, detail: rulesText.allAllowed, tone: 'done' });
          close();
        },
      },
    );
  return (
    <div className="flex min-h-11 flex-wrap items-center gap-3 border-line-1 border-b px-(--gutter) py-1">
      <p className="min-w-0 flex-1 text-12 text-ink-2">{missingRole ?? rulesText.versionsIntro}</p>
      <Button look="destructive" disabled={missingRole !== null} onClick={() => setOpen(true)}>
        {rulesText.removeAllDialog}
      </Button>
      <SideSheet
        open={open}
        onOpenChange={(next) => !next && close()}
        title={rulesText.removeAllTitle}
        description={rulesText.removeAllDescription}
        footer={
          <>
            <RuleChangeErrorNote error={remove.error} conflict={rulesText.removeConflict} />
            <Button onClick={close}>{sharedText.cancel}</Button>
            <Button look="destructive" disabled={remove.isPending} onClick={go}>
              {rulesText.removeAll}
            </Button>
          </>
        }
      >
        <div className="grid gap-2 p-6 max-md:p-4">
          <p>{rulesText.removeAllEffect(formatCount(active.ownRules), active.rules.name)}</p>
          {active.ownRules < active.rules.rules.length && <p>{rulesText.clusterRulesStay}</p>}
          <p className="text-ink-2">{rulesText.removeAllUndo}</p>
        </div>
      </SideSheet>
    </div>
  );
}
