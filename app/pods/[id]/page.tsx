import type { Metadata } from 'next';
import { PodPage } from './pod-page.tsx';

interface Props {
  params: Promise<{ id: string }>;
}

/** Sets the page title: the pod's name if the URL has `namespace.name`, otherwise `Pod`. */
export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const id = decodeURIComponent((await params).id);
  const name = /^[a-z0-9-]+\.(.+)$/.exec(id)?.[1];
  return { title: name ?? 'Pod' };
}

export default async function PodsDetailRoute({ params }: Props) {
  return <PodPage id={decodeURIComponent((await params).id)} />;
}
