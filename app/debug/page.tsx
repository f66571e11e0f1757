import type { Metadata } from 'next';
import { DebugPage } from './debug-page.tsx';
import { debugText } from './text.ts';

export const metadata: Metadata = { title: debugText.debug };

export default function DebugRoute() {
  return <DebugPage />;
}
