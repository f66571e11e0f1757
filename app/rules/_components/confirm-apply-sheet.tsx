import type { ReactNode } from 'react';
import { Button } from '../../_components/button.tsx';
import { Sheet } from '../../_components/sheet.tsx';
import { sharedText } from '../../_text/shared.ts';
import { ChangeError } from './change-error.tsx';

interface ConfirmApplySheetProps {
  title: string;
  description: string;
  apply: { error: Error | null; isPending: boolean };
  /** What is said when somebody else has changed the rules meanwhile. */
  conflict: string;
  go: () => void;
  close: () => void;
  children: ReactNode;
}

/** The sheet of a last look before rules are in force. */
export const ConfirmApplySheet = ({
  title,
  description,
  apply,
  conflict,
  go,
  close,
  children,
}: ConfirmApplySheetProps) => (
  <Sheet
    open
    onOpenChange={(open) => !open && close()}
    title={title}
    description={description}
    footer={
      <>
        <ChangeError error={apply.error} conflict={conflict} />
        <Button onClick={close}>{sharedText.cancel}</Button>
        <Button look="primary" disabled={apply.isPending} onClick={go}>
          {sharedText.apply}
        </Button>
      </>
    }
  >
    <div className="grid gap-5 p-6 max-md:p-4">{children}</div>
  </Sheet>
);
