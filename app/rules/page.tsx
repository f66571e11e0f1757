import type { Metadata } from 'next';
import { RuleList } from './_list/rule-list.tsx';

export const metadata: Metadata = { title: 'Rules' };

export default function Page() {
  return <RuleList />;
}
