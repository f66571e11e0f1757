import type { ReactNode } from 'react';
import { PageTabs } from '../_components/page-tabs.tsx';
import { traceText } from './text.ts';

const tabs = [
  { href: '/trace', label: traceText.liveTrace },
  { href: '/trace/capture', label: traceText.capture },
] as const;

export default function TraceLayout({ children }: { children: ReactNode }) {
  return (
    <div className="flex min-h-[calc(100dvh-var(--chrome))] flex-col">
      <PageTabs label={traceText.trace} tabs={tabs} />
      {children}
    </div>
  );
}
