import type { Metadata } from 'next';
import { BpfMapListPage } from './_list/map-list.tsx';
import { bpfMapsText } from './text.ts';

export const metadata: Metadata = { title: bpfMapsText.maps };

export default function ProgramsMapsRoute() {
  return <BpfMapListPage />;
}
