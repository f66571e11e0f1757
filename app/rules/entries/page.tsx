import type { Metadata } from 'next';
import { RuleEntriesPage } from '../_entries/rule-entries.tsx';

export const metadata: Metadata = { title: 'Entries of rules' };

export default function Page() {
  return <RuleEntriesPage />;
}
