import type { Metadata } from 'next';
import { PodPage } from './pod-page.tsx';

interface Props {
  params: Promise<{ id: string }>;
}

/** The id is opaque; `namespace.name` finds a pod too and makes the better title. */
export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const id = decodeURIComponent((await params).id);
  const name = /^[a-z0-9-]+\.(.+)$/.exec(id)?.[1];
  return { title: name ?? 'Pod' };
}

export default async function Page({ params }: Props) {
  return <PodPage id={decodeURIComponent((await params).id)} />;
}
