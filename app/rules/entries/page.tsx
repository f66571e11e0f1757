import type { Metadata } from 'next';
import { RuleEntriesPage } from '../_entries/rule-entries.tsx';
import { rulesText } from '../text.ts';

export const metadata: Metadata = { title: rulesText.entriesPageTitle };

export default function RulesEntriesRoute() {
  return <RuleEntriesPage />;
}
