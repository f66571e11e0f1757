import { sharedText } from '../_text/shared.ts';
import { ValueSkeleton } from './skeleton.tsx';

/** Renders a placeholder for the content of a sheet while it is loading. */
export function SheetSkeleton({ lines }: { lines: number }) {
  return (
    <div className="grid gap-4 p-6" aria-busy="true">
      <p className="sr-only" role="status">
        {sharedText.loading}
      </p>
      {Array.from({ length: lines }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: bars without identity
        <ValueSkeleton key={index} className={index % 2 === 0 ? 'w-3/5' : 'w-2/5'} />
      ))}
    </div>
  );
}
