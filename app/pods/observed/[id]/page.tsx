import type { Metadata } from 'next';
import { ObservedPodPage } from './observed-pod-page.tsx';
import { observedText } from './text.ts';

interface Props {
  params: Promise<{ id: string }>;
}

export const metadata: Metadata = { title: observedText.title };

export default async function ObservedPodRoute({ params }: Props) {
  return <ObservedPodPage id={decodeURIComponent((await params).id)} />;
}
