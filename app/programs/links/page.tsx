import type { Metadata } from 'next';
import { Links } from './link-list.tsx';

export const metadata: Metadata = { title: 'Links' };

export default function LinksPage() {
  return <Links />;
}
