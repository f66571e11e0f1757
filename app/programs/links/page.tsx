import type { Metadata } from 'next';
import { programsText } from '../text.ts';
import { BpfLinkListPage } from './link-list.tsx';

export const metadata: Metadata = { title: programsText.links };

export default function ProgramsLinksRoute() {
  return <BpfLinkListPage />;
}
