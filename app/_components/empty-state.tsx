import type { ReactNode } from 'react';

/** What stands where nothing is: what is missing, why, and what would fill it. */
export function EmptyState({
  title,
  children,
  action,
}: {
  title: string;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <section className="grid max-w-[560px] justify-items-start gap-2 rounded-2 border border-line-2 border-dashed p-6">
      <h2 className="font-semibold">{title}</h2>
      <div className="text-ink-2">{children}</div>
      {action}
    </section>
  );
}
