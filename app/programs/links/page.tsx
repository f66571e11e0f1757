import type { Metadata } from 'next';
import { Links } from './links.tsx';

export const metadata: Metadata = { title: 'Links' };

export default function LinksPage() {
  return <Links />;
}
