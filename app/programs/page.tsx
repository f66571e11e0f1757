import type { Metadata } from 'next';
import { ProgramListPage } from './_list/program-list.tsx';
import { programsText } from './text.ts';

export const metadata: Metadata = { title: programsText.programs };

export default function ProgramsRoute() {
  return <ProgramListPage />;
}
