import type { Metadata } from 'next';
import { RuleVersions } from '../_versions/rule-versions.tsx';
import { rulesText } from '../text.ts';

export const metadata: Metadata = { title: rulesText.versionsPageTitle };

export default function Page() {
  return <RuleVersions />;
}
