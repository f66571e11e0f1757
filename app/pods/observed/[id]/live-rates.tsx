'use client';

import type { CounterRateName } from '../../../../contract/counter-table.ts';
import type { ObservedPod } from '../../../../contract/observed-pod.ts';
import { LargeNumber } from '../../../_components/number-display.tsx';
import { Sparkline } from '../../../_components/sparkline.tsx';
import { formatByteSize, formatCount } from '../../../_lib/format.ts';
import { timeSeriesOf } from '../../../_lib/time-series/sample-store.ts';
import {
  usePodRate,
  useSampleFrameCountOf,
  useSamplesAreStale,
} from '../../../_lib/time-series/use-time-series.ts';
import { observedText } from './text.ts';

const seconds = 60;

/** Shows the rates of an observed pod over the last minute, and its totals. */
export function LiveRates({ pod }: { pod: ObservedPod }) {
  const stale = useSamplesAreStale();
  const { counters } = pod;
  return (
    <section
      aria-label={observedText.live}
      className={`border-line-1 border-b px-(--gutter) py-3 ${stale ? 'stale' : ''}`}
    >
      {counters === null ? (
        <p className="text-ink-2">{pod.hostNetwork ? observedText.notCounted : observedText.reading}</p>
      ) : (
        <div className="grid grid-cols-4 gap-x-6 gap-y-2 max-lg:grid-cols-2">
          <Rate
            pod={pod}
            name="ingressPackets"
            label={observedText.packetsIn}
            unit="pps"
            total={formatCount(counters.ingressPackets)}
          />
          <Rate
            pod={pod}
            name="egressPackets"
            label={observedText.packetsOut}
            unit="pps"
            total={formatCount(counters.egressPackets)}
          />
          <Rate
            pod={pod}
            name="ingressBits"
            label={observedText.bitsIn}
            unit="bit/s"
            total={formatByteSize(counters.ingressBytes)}
          />
          <Rate
            pod={pod}
            name="egressBits"
            label={observedText.bitsOut}
            unit="bit/s"
            total={formatByteSize(counters.egressBytes)}
          />
        </div>
      )}
    </section>
  );
}

interface RateProps {
  pod: ObservedPod;
  name: CounterRateName;
  label: string;
  unit: string;
  total: string;
}

function Rate({ pod: { number }, name, label, unit, total }: RateProps) {
  useSampleFrameCountOf(number);
  return (
    <div className="min-w-0">
      <div className="text-12 text-muted">{label}</div>
      <div className="flex items-end justify-between gap-3">
        <LargeNumber value={usePodRate(number, name)} unit={unit} />
        <span className="pb-1 max-md:hidden">
          <Sparkline values={timeSeriesOf(number).values(number, name, seconds)} width={96} height={24} />
        </span>
      </div>
      <div className="text-12 text-ink-2 tabular-nums">{observedText.total(total)}</div>
    </div>
  );
}
