import type { Metadata } from 'next';
import { RuleListPage } from './_list/rule-list.tsx';
import { rulesText } from './text.ts';

export const metadata: Metadata = { title: rulesText.rules };

export default function RulesRoute() {
  return <RuleListPage />;
}
