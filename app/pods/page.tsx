import type { Metadata } from 'next';
import { PodListPage } from './_list/pods.tsx';

export const metadata: Metadata = { title: 'Pods' };

export default function PodsRoute() {
  return <PodListPage />;
}
