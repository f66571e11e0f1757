import type { Metadata } from 'next';
import { Verdicts } from './verdicts-page.tsx';

export const metadata: Metadata = { title: 'Verdicts' };

export default function Page() {
  return <Verdicts />;
}
