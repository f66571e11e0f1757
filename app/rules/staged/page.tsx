import type { Metadata } from 'next';
import { StagedRulesPage } from '../_staged/staged-rules-page.tsx';
import { rulesText } from '../text.ts';

export const metadata: Metadata = { title: rulesText.stagedPageTitle };

export default function RulesStagedRoute() {
  return <StagedRulesPage />;
}
