import type { Metadata } from 'next';
import { ProgramListPage } from './_list/program-list.tsx';

export const metadata: Metadata = { title: 'Programs' };

export default function ProgramsPage() {
  return <ProgramListPage />;
}
