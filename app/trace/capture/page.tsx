import type { Metadata } from 'next';
import { CapturePage } from '../_capture/capture-page.tsx';

export const metadata: Metadata = { title: 'Capture' };

export default function Page() {
  return <CapturePage />;
}
