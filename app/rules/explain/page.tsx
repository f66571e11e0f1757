import type { Metadata } from 'next';
import { PolicyLookupPage } from '../_explain/policy-lookup.tsx';
import { rulesText } from '../text.ts';

export const metadata: Metadata = { title: rulesText.lookupTitle };

export default function RulesExplainRoute() {
  return <PolicyLookupPage />;
}
