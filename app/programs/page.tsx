import type { Metadata } from 'next';
import { Programs } from './_list/programs.tsx';

export const metadata: Metadata = { title: 'Programs' };

export default function ProgramsPage() {
  return <Programs />;
}
