import type { Metadata } from 'next';
import { RuleVersionsPage } from '../_versions/rule-versions.tsx';
import { rulesText } from '../text.ts';

export const metadata: Metadata = { title: rulesText.versionsPageTitle };

export default function RulesVersionsRoute() {
  return <RuleVersionsPage />;
}
