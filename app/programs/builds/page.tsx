import type { Metadata } from 'next';
import { BuildsPage } from './builds-page.tsx';

export const metadata: Metadata = { title: 'Builds' };

export default function Page() {
  return <BuildsPage />;
}
