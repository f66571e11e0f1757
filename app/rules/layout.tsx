import type { ReactNode } from 'react';
import { RulesPageHeader } from './rules-header.tsx';

export default function RulesLayout({ children }: { children: ReactNode }) {
  return (
    <div className="flex min-h-[calc(100dvh-var(--chrome))] flex-col">
      <RulesPageHeader />
      {children}
    </div>
  );
}
