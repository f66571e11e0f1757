import type { ReactNode } from 'react';
import { Subnav } from './_components/programs-nav.tsx';

export default function ProgramsLayout({ children }: { children: ReactNode }) {
  return (
    <>
      <Subnav />
      {children}
    </>
  );
}
