'use client';

import Link from 'next/link';
import { useNodeInfo } from '../_lib/node-queries.ts';
import { sharedText } from '../_text/shared.ts';
import { MainNav } from './main-nav.tsx';
import { SampleArrivalTimeline } from './sample-arrival-timeline.tsx';
import { SessionMenu } from './session-menu.tsx';
import { ThemeMenu } from './theme-menu.tsx';

/** Renders the bar at the top of every page: brand, node name, navigation and age of the data. */
export function TopBar() {
  return (
    <header className="flex h-(--topbar) items-center gap-4 border-line-1 border-b px-(--gutter) max-md:gap-2">
      <Link href="/pods" className="flex items-center gap-2 font-[650] text-15 tracking-[-.01em]">
        <Mark />
        Podlane
      </Link>
      <span className="h-5 w-px bg-line-2 max-xl:hidden" />
      <NodeName />
      <MainNav />
      <span className="flex-1" />
      <SampleArrivalTimeline />
      <span className="h-5 w-px bg-line-2 max-md:hidden" />
      <SessionMenu />
      <ThemeMenu />
    </header>
  );
}

function NodeName() {
  const { data: node } = useNodeInfo();
  if (node === undefined) return <span className="w-40 max-xl:hidden" />;
  return (
    <span className="flex min-w-0 items-center gap-2 whitespace-nowrap text-12 max-xl:hidden">
      <b className="truncate font-[550]">{node.name}</b>
      <span className="text-muted">
        {node.kernel.release.startsWith('Linux') ? '' : 'Linux '}
        {node.kernel.release.split('-')[0]}
        {node.environment === 'guest' && sharedText.labGuest}
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
