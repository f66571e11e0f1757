import type { Metadata } from 'next';
import { Pods } from './_list/pods.tsx';

export const metadata: Metadata = { title: 'Pods' };

export default function PodsPage() {
  return <Pods />;
}
