import type { Metadata } from 'next';
import { Versions } from '../_versions/versions.tsx';

export const metadata: Metadata = { title: 'Versions of rules' };

export default function Page() {
  return <Versions />;
}
