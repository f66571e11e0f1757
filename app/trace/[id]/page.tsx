import type { Metadata } from 'next';
import { LiveTrace } from '../_live/live-trace.tsx';
import { traceText } from '../text.ts';

export const metadata: Metadata = { title: traceText.trace };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  return <LiveTrace id={decodeURIComponent((await params).id)} />;
}
