import type { Metadata } from 'next';
import { LiveTrace } from '../_live/live-trace.tsx';

export const metadata: Metadata = { title: 'Trace' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  return <LiveTrace id={decodeURIComponent((await params).id)} />;
}
