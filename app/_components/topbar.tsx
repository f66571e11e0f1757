'use client';

import { Settings } from 'lucide-react';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { useNode } from '../_lib/node.ts';
import { SampleRuler } from './sample-ruler.tsx';
import { ThemeMenu } from './theme-menu.tsx';

const sections = [
  { href: '/pods', label: 'Pods' },
  { href: '/settings', label: 'Settings' },
];

/** Brand, node, sections, and how old the data is. */
export function Topbar() {
  return (
    <header className="flex h-(--topbar) items-center gap-4 border-line-1 border-b px-(--gutter) max-md:gap-2">
      <Link href="/pods" className="flex items-center gap-2 font-[650] text-15 tracking-[-.01em]">
        <Mark />
        Podlane
      </Link>
      <span className="h-5 w-px bg-line-2 max-md:hidden" />
      <NodeName />
      <nav aria-label="Main" className="flex h-full gap-0.5 max-md:hidden">
        {sections.map((section) => (
          <Section key={section.href} {...section} />
        ))}
      </nav>
      <span className="flex-1" />
      <SampleRuler />
      <span className="h-5 w-px bg-line-2 max-md:hidden" />
      <Link
        href="/settings"
        aria-label="Settings"
        title="Settings"
        className="inline-grid size-7 place-items-center rounded-2 text-ink-2 hover:bg-surface-2 hover:text-ink-1 md:hidden"
      >
        <Settings aria-hidden="true" className="size-4" strokeWidth={1.6} />
      </Link>
      <ThemeMenu />
    </header>
  );
}

function Section({ href, label }: { href: string; label: string }) {
  const current = usePathname().startsWith(href);
  return (
    <Link
      href={href}
      aria-current={current ? 'page' : undefined}
      className="relative flex items-center px-2.5 text-ink-2 hover:text-ink-1 aria-[current]:font-[550] aria-[current]:text-ink-1 aria-[current]:after:absolute aria-[current]:after:inset-x-2.5 aria-[current]:after:-bottom-px aria-[current]:after:h-0.5 aria-[current]:after:bg-accent"
    >
      {label}
    </Link>
  );
}

function NodeName() {
  const { data: node } = useNode();
  if (node === undefined) return <span className="w-40 max-md:hidden" />;
  return (
    <span className="flex min-w-0 items-center gap-2 whitespace-nowrap text-12 max-md:hidden">
      <b className="truncate font-[550]">{node.name}</b>
      <span className="text-muted">
        {node.kernel.release.startsWith('Linux') ? '' : 'Linux '}
        {node.kernel.release.split('-')[0]}
        {node.environment === 'guest' && ', lab guest'}
      </span>
    </span>
  );
}

function Mark() {
  return (
    <svg
      width="22"
      height="16"
      viewBox="0 0 22 16"
      aria-hidden="true"
      className="stroke-accent"
      fill="none"
      strokeWidth="2"
    >
      <path d="M0 4.5h3M0 11.5h3M19 4.5h3M19 11.5h3" />
      <rect x="4" y="1" width="14" height="14" rx="7" />
      <path d="M11 4.5v7" />
    </svg>
  );
}
