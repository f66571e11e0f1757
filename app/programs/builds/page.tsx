import type { Metadata } from 'next';
import { BuildsPage } from './builds-page.tsx';
import { buildsText } from './text.ts';

export const metadata: Metadata = { title: buildsText.builds };

export default function ProgramsBuildsRoute() {
  return <BuildsPage />;
}
