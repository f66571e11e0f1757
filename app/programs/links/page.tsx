import type { Metadata } from 'next';
import { LinkListPage } from './link-list.tsx';

export const metadata: Metadata = { title: 'Links' };

export default function LinksPage() {
  return <LinkListPage />;
}
