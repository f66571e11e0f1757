import type { Metadata } from 'next';

export const metadata: Metadata = { title: 'Pods' };

export default function PodsPage() {
  return null;
}
