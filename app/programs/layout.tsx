import type { ReactNode } from 'react';
import { ProgramsNav } from './_components/programs-nav.tsx';

export default function ProgramsLayout({ children }: { children: ReactNode }) {
  return (
    <>
      <ProgramsNav />
      {children}
    </>
  );
}
