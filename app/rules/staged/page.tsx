import type { Metadata } from 'next';
import { StagedRulesPage } from '../_staged/staged-rules.tsx';
import { rulesText } from '../text.ts';

export const metadata: Metadata = { title: rulesText.stagedPageTitle };

export default function RulesStagedRoute() {
  return <StagedRulesPage />;
}
