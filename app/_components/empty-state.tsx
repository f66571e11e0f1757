import type { ReactNode } from 'react';

/** Renders a message in place of an empty list: what is missing, why, and how to add it. */
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
    <section className="grid min-w-0 max-w-[560px] grid-cols-1 justify-items-start gap-2 rounded-2 border border-line-2 border-dashed p-6">
      <h2 className="font-semibold">{title}</h2>
      <div className="min-w-0 max-w-full text-ink-2">{children}</div>
      {action}
    </section>
  );
}
