'use client';

import { formatClockTime, formatDuration } from '../../_lib/format.ts';
import { useLastSampleFrameTiming, useNodeSample } from '../../_lib/time-series/use-time-series.ts';
import {
  formatPodCount,
  formatReadDuration,
  formatSampleNumber,
  formatShownPods,
  formatSkippedSamples,
  podListText,
} from './text.ts';

/**
 * Renders the footer of the pod list: keyboard shortcuts, number of pods and the last sample. `all` is null while the
 * pods are loading.
 */
export function PodTableFooter({
  shown,
  all,
  filtered,
}: {
  shown: number;
  all: number | null;
  filtered: boolean;
}) {
  const sample = useLastSampleFrameTiming();
  const node = useNodeSample();
  return (
    <footer className="sticky bottom-0 z-10 flex h-8 items-center justify-end gap-1.5 whitespace-nowrap border-line-1 border-t bg-surface-0 px-(--gutter) text-12 text-muted tabular-nums">
      <span className="max-md:hidden">
        <kbd className="font-mono text-11">↑</kbd> <kbd className="font-mono text-11">↓</kbd>{' '}
        {podListText.keys}
      </span>
      <span className="flex-1" />
      <span role="status">
        {all !== null && (filtered ? formatShownPods(shown, all) : formatPodCount(all))}
      </span>
      {sample !== null && (
        <>
          <span>{formatSampleNumber(sample.sequence)}</span>
          <span>· {formatClockTime(sample.time)}</span>
          {node !== null && (
            <span className="max-md:hidden">{formatReadDuration(formatDuration(node.readMs))}</span>
          )}
          <span className="max-md:hidden">{formatSkippedSamples(sample.skipped)}</span>
        </>
      )}
    </footer>
  );
}
