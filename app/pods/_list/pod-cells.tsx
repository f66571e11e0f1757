'use client';

import Link from 'next/link';
import type { CounterRateName } from '../../../contract/counter-table.ts';
import type { SampleFrameColumn } from '../../../contract/sample-frame.ts';
import { DropRateNumber, SiNumber } from '../../_components/number-display.tsx';
import { Sparkline } from '../../_components/sparkline.tsx';
import { splitGeneratedSuffix } from '../../_lib/pod-queries.ts';
import { podTimeSeries, timeSeriesOf } from '../../_lib/time-series/sample-store.ts';
import {
  usePodCounterTotal,
  usePodRate,
  useSampleFrameCountOf,
} from '../../_lib/time-series/use-time-series.ts';
import { isObserved, type ListedPod } from './listed-pod.ts';
import { PodConditionCell } from './pod-condition-cell.tsx';
import { podListText } from './text.ts';

/** Shows a pod's name with a link to its page and, in narrow windows, its conditions. */
export function PodNameCell({ pod }: { pod: ListedPod }) {
  const [own, generated] = splitGeneratedSuffix(pod.name);
  return (
    <span className="flex items-center gap-2">
      <Link
        href={isObserved(pod) ? `/pods/observed/${pod.id}` : `/pods/${pod.namespace}.${pod.name}`}
        prefetch={false}
        data-row-link
        className="min-w-0 truncate after:absolute after:inset-0 focus-visible:outline-none"
      >
        <b className="font-[550]">{own}</b>
        <span className="text-muted">{generated}</span>
      </Link>
      <span className="2xl:hidden">
        {isObserved(pod) ? (
          <span className="text-12 text-muted">{podListText.observedMark}</span>
        ) : (
          <PodConditionCell pod={pod} short />
        )}
      </span>
    </span>
  );
}

/** Shows the live value of one of a pod's rates. */
export function PodRateCell({ number, name }: { number: number; name: CounterRateName }) {
  return (
    <span className="font-[450]">
      <SiNumber value={usePodRate(number, name)} />
    </span>
  );
}

/** Shows the live rate of a pod's dropped packets in both directions. */
export function PodDropRateCell({ number }: { number: number }) {
  const egress = usePodRate(number, 'egressDroppedPackets');
  const ingress = usePodRate(number, 'ingressDroppedPackets');
  return (
    <span className="font-[450]">
      <DropRateNumber value={egress + ingress} />
    </span>
  );
}

/** Shows the live total of requests that the pod's test traffic counts. */
export function PodRequestCountCell({
  number,
  column,
}: {
  number: number;
  column: SampleFrameColumn & `requests${string}`;
}) {
  const value = usePodCounterTotal(number, column);
  const isFailed = column === 'requestsFailed';
  return (
    <span className="font-[450]">
      <SiNumber
        value={value}
        slot={!isFailed}
        unknown={podListText.noRequestCounts}
        className={isFailed && value > 0 ? 'font-semibold text-signal-text' : ''}
      />
    </span>
  );
}

/** Draws a pod's ingress packet rate of the last 60 seconds, in the color of its device kind. */
export function PodRateSparkline({ number }: { number: number }) {
  useSampleFrameCountOf(number);
  const series = timeSeriesOf(number);
  return (
    <Sparkline
      values={series.values(number, 'ingressPackets', 60)}
      // A pod of others has the neutral color.
      {...(series === podTimeSeries ? { kinds: series.values(number, 'kind', 60) } : {})}
      width={104}
      height={20}
    />
  );
}
