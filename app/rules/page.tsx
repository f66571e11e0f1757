import type { Metadata } from 'next';
import { RuleList } from './_list/rule-list.tsx';
import { rulesText } from './text.ts';

export const metadata: Metadata = { title: rulesText.rules };

export default function Page() {
  return <RuleList />;
}
