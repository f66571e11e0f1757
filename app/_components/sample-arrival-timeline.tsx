'use client';

import { formatElapsedTime, narrowNoBreakSpace } from '../_lib/format.ts';
import {
  getLastSampleFrameAge,
  podTimeSeries,
  sampleStaleAfterMs,
} from '../_lib/time-series/sample-store.ts';
import { useLastSampleFrameTiming } from '../_lib/time-series/use-time-series.ts';
import { useCurrentTime } from '../_lib/use-current-time.ts';
import { sharedText } from '../_text/shared.ts';

const ticks = 60;

/** Shows the age of the last sample and a tick for each second of the last minute; a missing sample is a red stub. */
export function SampleArrivalTimeline() {
  const sample = useLastSampleFrameTiming();
  useCurrentTime();
  const age = getLastSampleFrameAge();
  const late = age === null ? 0 : Math.max(0, Math.floor(age / 1000 - 0.5));
  const came = [...podTimeSeries.presence(ticks), ...Array<boolean>(Math.min(late, ticks)).fill(false)].slice(
    -ticks,
  );
  // Long ticks mark every tenth sample, so that they move with the data.
  const newest = podTimeSeries.version === 0 ? 0 : Math.floor((sample?.time ?? 0) / 1000) + late;
  return (
    <span
      className="flex items-center gap-2.5 whitespace-nowrap text-12 text-ink-2 tabular-nums"
      title={sharedText.sampleRuler}
    >
      <svg
        width={ticks * 3}
        height="16"
        viewBox={`0 0 ${ticks * 3} 16`}
        aria-hidden="true"
        className="max-2xl:hidden"
      >
        {came.map((arrived, i) => {
          const second = newest - (came.length - 1 - i);
          const x = (ticks - came.length + i) * 3 + 1.5;
          const isNewest = arrived && i === came.length - 1;
          const top = isNewest ? 2 : !arrived ? 12 : second % 10 === 0 ? 5 : 9;
          const tone = !arrived ? 'stroke-signal' : isNewest ? 'stroke-accent' : 'stroke-line-control';
          return <path key={second} d={`M${x} ${top}V15`} className={tone} strokeWidth={isNewest ? 2 : 1} />;
        })}
      </svg>
      <Age age={age} skipped={sample?.skipped ?? 0} />
    </span>
  );
}

function Age({ age, skipped }: { age: number | null; skipped: number }) {
  if (age === null) return <span className="text-muted">{sharedText.noData}</span>;
  if (age > sampleStaleAfterMs)
    return <span className="text-signal-text">{sharedText.ago(formatElapsedTime(age))}</span>;
  return (
    <span>
      1{narrowNoBreakSpace}Hz{' '}
      <span className="text-muted">
        ·{' '}
        {skipped > 0
          ? sharedText.skippedSamples(skipped)
          : `${(Math.round(age / 100) / 10).toFixed(1)}${narrowNoBreakSpace}s ago`}
      </span>
    </span>
  );
}
