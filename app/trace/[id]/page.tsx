import type { Metadata } from 'next';
import { LiveTracePage } from '../_live/live-trace.tsx';
import { traceText } from '../text.ts';

export const metadata: Metadata = { title: traceText.trace };

export default async function TraceDetailRoute({ params }: { params: Promise<{ id: string }> }) {
  return <LiveTracePage id={decodeURIComponent((await params).id)} />;
}
