import type { ReactNode } from 'react';
import { Button } from './button.tsx';

interface Props {
  /** Why the button is disabled; null if it is not. */
  reason: string | null;
  onClick: () => void;
  children: ReactNode;
}

/** Renders a small button; while it is disabled, the reason stands before it. */
export function ButtonWithReason({ reason, onClick, children }: Props) {
  return (
    <>
      {reason !== null && <p className="text-12 text-muted">{reason}</p>}
      <Button size="small" className="max-md:h-(--control)" disabled={reason !== null} onClick={onClick}>
        {children}
      </Button>
    </>
  );
}
