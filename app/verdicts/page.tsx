import type { Metadata } from 'next';
import { VerdictsPage } from './verdicts-page.tsx';

export const metadata: Metadata = { title: 'Verdicts' };

export default function Page() {
  return <VerdictsPage />;
}
