import type { Metadata } from 'next';
import { PolicyLookup } from '../_explain/policy-lookup.tsx';

export const metadata: Metadata = { title: 'Explain a verdict' };

export default function Page() {
  return <PolicyLookup />;
}
