import type { Metadata } from 'next';
import { Maps } from './_list/map-list.tsx';

export const metadata: Metadata = { title: 'Maps' };

export default function MapsPage() {
  return <Maps />;
}
