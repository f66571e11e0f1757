import type { Metadata } from 'next';
import { Capture } from '../_capture/capture.tsx';

export const metadata: Metadata = { title: 'Capture' };

export default function Page() {
  return <Capture />;
}
