import type { ReactNode } from 'react';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { isRuleWriteConflict } from '../../_lib/rule-queries.ts';

interface RuleChangeErrorNoteProps {
  error: Error | null;
  /**
   * Message shown instead of the error if the agent rejects the change because someone else has changed the rules since
   * they were loaded.
   */
  conflict: string;
  /** Content shown in place of an error message if there is no error. */
  children?: ReactNode;
}

/** Shows why a change of the rules failed, beside the buttons of the change's sheet. */
export const RuleChangeErrorNote = ({ error, conflict, children }: RuleChangeErrorNoteProps) => (
  <p role="status" className="flex min-w-0 flex-1 items-start gap-1.5 text-12 text-ink-2 max-md:basis-full">
    {error === null ? (
      children
    ) : (
      <>
        <WarningIcon className="mt-px size-3.5" />
        {isRuleWriteConflict(error) ? conflict : error.message}
      </>
    )}
  </p>
);
