import { type ComponentProps, type ReactNode, useId } from 'react';
import { WarningIcon } from './warning-icon.tsx';

/** CSS classes shared by inputs, selects and text areas. */
export const formInputClasses =
  'h-(--control) min-w-0 rounded-2 border border-line-control bg-surface-1 px-2 text-ink-1 placeholder:text-muted placeholder:opacity-100 aria-invalid:border-signal disabled:border-line-2 disabled:text-muted';

interface FieldProps {
  label: string;
  /** Help text below the form control. */
  hint?: ReactNode;
  problem?: string | undefined;
  className?: string;
  /** Renders the form control; the props in `tied` connect it to its label, hint and error message. */
  children: (tied: Pick<ComponentProps<'input'>, 'id' | 'aria-describedby' | 'aria-invalid'>) => ReactNode;
}

/** Renders a form control with its label above, and its hint or error message below. */
export function FormField({ label, hint, problem, className = '', children }: FieldProps) {
  const id = useId();
  const said = problem !== undefined || hint !== undefined;
  return (
    <div className={`grid min-w-0 content-start gap-1 ${className}`}>
      <label htmlFor={id} className="text-12 text-muted">
        {label}
      </label>
      {children({
        id,
        'aria-invalid': problem !== undefined,
        ...(said ? { 'aria-describedby': `${id}-said` } : {}),
      })}
      {said && (
        <p id={`${id}-said`} className="text-12 text-muted">
          {problem === undefined ? (
            hint
          ) : (
            <span className="flex items-start gap-1.5 text-signal-text">
              <WarningIcon className="mt-px size-3.5" /> {problem}
            </span>
          )}
        </p>
      )}
    </div>
  );
}
