import { ValueSkeleton } from '../../_components/skeleton.tsx';
import { programsText } from '../text.ts';

/** Renders a placeholder for the header of a program's or map's page. */
export const BpfObjectHeaderSkeleton = ({ what }: { what: string }) => (
  <div className="border-line-1 border-b px-(--gutter) py-3" aria-busy="true">
    <p className="sr-only">{programsText.loading(what)}</p>
    <div className="flex h-6 items-center">
      <ValueSkeleton className="h-3! w-56" />
    </div>
    <div className="mt-1 flex h-5 items-center">
      <ValueSkeleton className="w-96 max-w-full" />
    </div>
  </div>
);
