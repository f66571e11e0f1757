import type { Metadata } from 'next';
import { StartTrace } from './_form/start-trace.tsx';

export const metadata: Metadata = { title: 'Trace' };

export default function Page() {
  return <StartTrace />;
}
