import type { Metadata } from 'next';
import { TryOut } from '../_draft/try-out.tsx';

export const metadata: Metadata = { title: 'Try-out of rules' };

export default function Page() {
  return <TryOut />;
}
