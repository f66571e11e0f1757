import type { ReactNode } from 'react';
import { PageTabs } from '../_components/page-tabs.tsx';

const tabs = [
  { href: '/trace', label: 'Live trace' },
  { href: '/trace/capture', label: 'Capture' },
] as const;

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <div className="flex min-h-[calc(100dvh-var(--chrome))] flex-col">
      <PageTabs label="Trace" tabs={tabs} />
      {children}
    </div>
  );
}
