import type { Metadata } from 'next';
import { PodListPage } from './_list/pod-list-page.tsx';

export const metadata: Metadata = { title: 'Pods' };

export default function PodsRoute() {
  return <PodListPage />;
}
