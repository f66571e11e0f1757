import type { Metadata } from 'next';
import { Entries } from '../_entries/rule-entries.tsx';

export const metadata: Metadata = { title: 'Entries of rules' };

export default function Page() {
  return <Entries />;
}
