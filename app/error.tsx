'use client';

import { ErrorState } from './_components/error-state.tsx';
import { sharedText } from './_text/shared.ts';

/** A page that threw. The shell stays, and with it the connection and the numbers. */
export default function PageError({ error, reset }: { error: Error; reset: () => void }) {
  return (
    <div className="px-(--gutter) py-6">
      <h1 className="sr-only">{sharedText.pageFailed}</h1>
      <ErrorState error={error} retry={reset} />
    </div>
  );
}
