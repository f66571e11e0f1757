import type { ReactNode } from 'react';
import { RulesHeader } from './rules-header.tsx';

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <div className="flex min-h-[calc(100dvh-var(--chrome))] flex-col">
      <RulesHeader />
      {children}
    </div>
  );
}
