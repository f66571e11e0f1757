import type { ReactNode } from 'react';
import { Subnav } from './_components/subnav.tsx';

export default function ProgramsLayout({ children }: { children: ReactNode }) {
  return (
    <>
      <Subnav />
      {children}
    </>
  );
}
