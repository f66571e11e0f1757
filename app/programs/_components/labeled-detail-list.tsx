import { type ReactNode, useId } from 'react';
import { NotAvailableNumber } from '../../_components/number-display.tsx';

/** Lists labeled details, one per line. */
export function LabeledDetailList({ label, children }: { label: string; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <h2 id={id} className="flex min-h-8 items-center font-semibold">
        {label}
      </h2>
      <dl className="border-line-2 border-t">{children}</dl>
    </section>
  );
}

interface DetailProps {
  label: string;
  title?: string;
  /** Reason why the value is unknown; null if the value is known. */
  unknown?: string | null;
  children: ReactNode;
}

export function LabeledDetail({ label, title, unknown = null, children }: DetailProps) {
  return (
    <div
      className="grid min-h-7 grid-cols-[104px_minmax(0,1fr)] items-start border-line-1 border-b py-1"
      title={title}
    >
      <dt className="text-muted">{label}</dt>
      <dd className="min-w-0 text-ink-2 tabular-nums">
        {unknown === null ? children : <NotAvailableNumber reason={unknown} slot={false} />}
      </dd>
    </div>
  );
}
