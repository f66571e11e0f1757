'use client';

import { clock, count, duration } from '../../_lib/format.ts';
import { useNodeSample, useSampleClock } from '../../_lib/time-series/use-time-series.ts';

/** What is shown, and of which sample. `all` is null while the pods are not known. */
export function PodTableFooter({
  shown,
  all,
  filtered,
}: {
  shown: number;
  all: number | null;
  filtered: boolean;
}) {
  const sample = useSampleClock();
  const node = useNodeSample();
  return (
    <footer className="sticky bottom-0 z-10 flex h-8 items-center justify-end gap-1.5 whitespace-nowrap border-line-1 border-t bg-surface-0 px-(--gutter) text-12 text-muted tabular-nums">
      <span className="max-md:hidden">
        <kbd className="font-mono text-11">↑</kbd> <kbd className="font-mono text-11">↓</kbd> move, Enter
        opens, x selects, a all, / filters
      </span>
      <span className="flex-1" />
      <span role="status">
        {all !== null && (filtered ? `${count(shown)} of ${count(all)} pods` : `${count(all)} pods`)}
      </span>
      {sample !== null && (
        <>
          <span>· sample {count(sample.sequence)}</span>
          <span>· {clock(sample.time)}</span>
          {node !== null && <span className="max-md:hidden">· read in {duration(node.readMs)}</span>}
          <span className="max-md:hidden">· {count(sample.skipped)} skipped</span>
        </>
      )}
    </footer>
  );
}
