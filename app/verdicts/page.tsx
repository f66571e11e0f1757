import type { Metadata } from 'next';
import { Verdicts } from './verdicts.tsx';

export const metadata: Metadata = { title: 'Verdicts' };

export default function Page() {
  return <Verdicts />;
}
