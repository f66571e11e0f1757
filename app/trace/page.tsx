import type { Metadata } from 'next';
import { StartTracePage } from './_form/start-trace.tsx';
import { traceText } from './text.ts';

export const metadata: Metadata = { title: traceText.trace };

export default function TraceRoute() {
  return <StartTracePage />;
}
