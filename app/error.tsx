'use client';

import { ErrorState } from './_components/error-state.tsx';
import { sharedText } from './_text/shared.ts';

/** Error boundary around each page; the page frame and its live connection keep working. */
export default function PageErrorBoundary({ error, reset }: { error: Error; reset: () => void }) {
  return (
    <div className="px-(--gutter) py-6">
      <h1 className="sr-only">{sharedText.pageFailed}</h1>
      <ErrorState error={error} retry={reset} />
    </div>
  );
}
