import { type ReactNode, useId } from 'react';

/** Lays out a titled section of the page. */
export function Section({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="mt-4 min-w-0">
      <div className="flex min-h-8 flex-wrap items-center gap-3">
        <h2 id={id} className="font-semibold">
          {title}
        </h2>
        {aside}
      </div>
      <div className="border-line-2 border-t">{children}</div>
    </section>
  );
}

/** Shows a value with its label, one line of a section. */
export function Detail({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="grid min-h-7 gap-x-3 grid-cols-[128px_minmax(0,1fr)] items-start border-line-1 border-b py-1 max-md:grid-cols-[96px_minmax(0,1fr)]">
      <dt className="text-muted">{label}</dt>
      <dd className="min-w-0 text-ink-2 [overflow-wrap:anywhere]">{children}</dd>
    </div>
  );
}

/** Shows a text in place of an empty section. */
export const Nothing = ({ children }: { children: string }) => (
  <p className="flex min-h-9 items-center text-12 text-ink-2">{children}</p>
);
