import { ValueSkeleton } from '../../_components/skeleton.tsx';
import { podText } from './text.ts';

const boxes = ['h-28 w-45', 'h-15 flex-1', 'h-24 w-56', 'h-18 w-75'];

/** Renders a placeholder for a pod's page while the pod is loading. */
export function PodPageSkeleton() {
  return (
    <div aria-busy="true">
      <p className="sr-only" role="status">
        {podText.reading}
      </p>
      <div className="flex h-17 items-center gap-4 border-line-1 border-b px-(--gutter)">
        <div className="grid gap-3">
          <ValueSkeleton className="h-3! w-52" />
          <ValueSkeleton className="w-80" />
        </div>
        <span className="flex-1" />
        <ValueSkeleton className="h-7! w-40" />
      </div>
      <div className="flex h-87 items-center gap-7 px-(--gutter) max-md:flex-col max-md:py-6">
        {boxes.map((box) => (
          <span key={box} className={`rounded-2 border border-line-1 ${box}`} />
        ))}
      </div>
      <div className="grid grid-cols-4 gap-8 border-line-1 border-t px-(--gutter) py-9 max-lg:grid-cols-2 max-md:grid-cols-1">
        {['packets', 'bits', 'drops', 'cpu'].map((chart) => (
          <span key={chart} className="h-36 border-graticule border-b border-dotted" />
        ))}
      </div>
    </div>
  );
}
