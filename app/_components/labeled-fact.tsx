import type { ReactNode } from 'react';

/** Lays out labeled facts in a row below a title. */
export const LabeledFactList = ({ children }: { children: ReactNode }) => (
  <dl className="flex flex-wrap gap-x-4 gap-y-0.5 text-12 text-ink-2 tabular-nums">{children}</dl>
);

/** Shows a value with its muted label. */
export function LabeledFact({
  label,
  title,
  children,
}: {
  label: string;
  title?: string;
  children: ReactNode;
}) {
  return (
    <div className="flex min-w-0 gap-1" title={title}>
      <dt className="flex-none text-muted">{label}</dt>
      <dd className="min-w-0">{children}</dd>
    </div>
  );
}
