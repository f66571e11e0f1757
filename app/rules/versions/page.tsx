import type { Metadata } from 'next';
import { RuleVersions } from '../_versions/rule-versions.tsx';

export const metadata: Metadata = { title: 'Versions of rules' };

export default function Page() {
  return <RuleVersions />;
}
