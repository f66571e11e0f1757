import type { ReactNode } from 'react';
import { Button } from '../../_components/button.tsx';
import { SideSheet } from '../../_components/side-sheet.tsx';
import { useActiveRules } from '../../_lib/rule-queries.ts';
import { sharedText } from '../../_text/shared.ts';
import { formatLearning } from '../format-learning.ts';
import { RuleChangeErrorNote } from './rule-change-error-note.tsx';

interface ConfirmApplySheetProps {
  title: string;
  description: string;
  apply: { error: Error | null; isPending: boolean };
  /**
   * Message shown instead of the error if the agent rejects the change because someone else has changed the rules since
   * they were loaded.
   */
  conflict: string;
  go: () => void;
  close: () => void;
  children: ReactNode;
}

/** Sheet that asks for confirmation before rules are applied. */
export function ConfirmApplyRulesSheet({
  title,
  description,
  apply,
  conflict,
  go,
  close,
  children,
}: ConfirmApplySheetProps) {
  const { data: active } = useActiveRules();
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && close()}
      title={title}
      description={description}
      footer={
        <>
          <RuleChangeErrorNote error={apply.error} conflict={conflict}>
            {apply.isPending && active?.learning && formatLearning(active.learning)}
          </RuleChangeErrorNote>
          <Button onClick={close}>{sharedText.cancel}</Button>
          <Button look="primary" disabled={apply.isPending} onClick={go}>
            {sharedText.apply}
          </Button>
        </>
      }
    >
      <div className="grid gap-5 p-6 max-md:p-4">{children}</div>
    </SideSheet>
  );
}
