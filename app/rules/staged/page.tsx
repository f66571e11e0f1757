import type { Metadata } from 'next';
import { StagedRulesPage } from '../_staged/staged-rules.tsx';

export const metadata: Metadata = { title: 'Try-out of rules' };

export default function Page() {
  return <StagedRulesPage />;
}
