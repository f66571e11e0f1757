import type { Metadata } from 'next';
import { MapListPage } from './_list/map-list.tsx';
import { mapsText } from './text.ts';

export const metadata: Metadata = { title: mapsText.maps };

export default function ProgramsMapsRoute() {
  return <MapListPage />;
}
