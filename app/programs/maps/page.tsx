import type { Metadata } from 'next';
import { MapListPage } from './_list/map-list.tsx';

export const metadata: Metadata = { title: 'Maps' };

export default function MapsPage() {
  return <MapListPage />;
}
