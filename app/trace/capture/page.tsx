import type { Metadata } from 'next';
import { CapturePage } from '../_capture/capture-page.tsx';
import { traceText } from '../text.ts';

export const metadata: Metadata = { title: traceText.capture };

export default function TraceCaptureRoute() {
  return <CapturePage />;
}
