import type { Metadata } from 'next';
import { DebugPage } from './debug-page.tsx';

export const metadata: Metadata = { title: 'Debug' };

export default function Page() {
  return <DebugPage />;
}
