import type { Metadata } from 'next';
import { verdictsText } from './text.ts';
import { VerdictsPage } from './verdicts-page.tsx';

export const metadata: Metadata = { title: verdictsText.verdicts };

export default function VerdictsRoute() {
  return <VerdictsPage />;
}
