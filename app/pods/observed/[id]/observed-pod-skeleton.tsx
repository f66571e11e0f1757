import { ValueSkeleton } from '../../../_components/skeleton.tsx';
import { observedText } from './text.ts';

/** Renders a placeholder for the page of an observed pod while it is loading. */
export const ObservedPodSkeleton = () => (
  <div aria-busy="true">
    <p className="sr-only" role="status">
      {observedText.reading}
    </p>
    <div className="grid h-17 content-center gap-3 border-line-1 border-b px-(--gutter)">
      <ValueSkeleton className="h-3! w-52" />
      <ValueSkeleton className="w-80 max-w-full" />
    </div>
    <div className="grid grid-cols-4 gap-8 border-line-1 border-b px-(--gutter) py-6 max-md:grid-cols-2">
      {['packets in', 'packets out', 'bits in', 'bits out'].map((rate) => (
        <ValueSkeleton key={rate} className="h-8! w-32 max-w-full" />
      ))}
    </div>
    <div className="grid gap-4 px-(--gutter) py-6">
      {['w-2/3', 'w-1/2', 'w-3/5'].map((width) => (
        <ValueSkeleton key={width} className={width} />
      ))}
    </div>
  </div>
);
