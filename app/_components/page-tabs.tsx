'use client';

import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { useEffect, useRef } from 'react';

export interface PageTab {
  href: string;
  label: string;
  /** Muted text beside a tab's label: a count or a state. */
  count?: number | string | undefined;
}

/** Renders tabs that link to the pages of a section. The row of tabs scrolls if it is wider than the window. */
export function PageTabs({ label, tabs }: { label: string; tabs: readonly PageTab[] }) {
  const path = usePathname();
  const current = tabs
    .filter(({ href }) => path === href || path.startsWith(`${href}/`))
    .reduce((best, { href }) => (href.length > best.length ? href : best), '');
  const row = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another tab is current
  useEffect(() => {
    row.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [current]);
  return (
    <nav
      ref={row}
      aria-label={label}
      className="flex h-9 gap-0.5 overflow-x-auto overflow-y-hidden border-line-1 border-b px-[calc(var(--gutter)-10px)]"
    >
      {tabs.map(({ href, label, count }) => (
        <Link
          key={href}
          href={href}
          aria-current={href === current ? 'page' : undefined}
          className="relative flex flex-none items-center gap-1.5 px-2.5 text-ink-2 hover:text-ink-1 focus-visible:-outline-offset-2 aria-[current]:font-[550] aria-[current]:text-ink-1 aria-[current]:after:absolute aria-[current]:after:inset-x-2.5 aria-[current]:after:bottom-0 aria-[current]:after:h-0.5 aria-[current]:after:bg-accent"
        >
          {label}
          {count !== undefined && (
            <span className="font-normal text-12 text-muted tabular-nums">{count}</span>
          )}
        </Link>
      ))}
    </nav>
  );
}
