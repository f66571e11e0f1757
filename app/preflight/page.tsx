import type { Metadata } from 'next';
import { PreflightPage } from './preflight-page.tsx';
import { preflightText } from './text.ts';

export const metadata: Metadata = { title: preflightText.title };

export default function PreflightRoute() {
  return <PreflightPage />;
}
