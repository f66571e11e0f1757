'use client';

import Link from 'next/link';
import { memo } from 'react';
import type { RateName } from '../../../contract/counters.ts';
import type { PodSummary } from '../../../contract/pod.ts';
import type { FrameColumn } from '../../../contract/sample-frame.ts';
import { Kind } from '../../_components/kind.tsx';
import { DropRate, SiNumber } from '../../_components/number.tsx';
import { Sparkline } from '../../_components/sparkline.tsx';
import { splitName } from '../../_lib/pod-queries.ts';
import { podSeries } from '../../_lib/time-series/store.ts';
import {
  usePodIsStale,
  usePodRate,
  usePodTotal,
  useSampleVersion,
} from '../../_lib/time-series/use-time-series.ts';
import { AddressCell } from './address-cell.tsx';
import { Attention } from './attention.tsx';
import { columnStyles } from './columns.ts';
import { SelectBox } from './select-box.tsx';
import { headRows } from './table-head.tsx';

interface PodRowProps {
  pod: PodSummary;
  /** Counted from 0, over all pods shown. */
  index: number;
  showRequests: boolean;
  selected: boolean;
  /** `extend`: from the one that was selected last up to this one. */
  select: (id: string, extend: boolean) => void;
}

const cell = 'overflow-hidden border-line-1 border-b px-2 whitespace-nowrap text-ellipsis';
const number = `${cell} text-right font-[450]`;

/** A pod. It renders when the pod changes; its numbers come past it, each cell on its own. */
export const PodRow = memo(function PodRow({
  pod,
  index,

  showRequests,
  selected,
  select,
}: PodRowProps) {
  const [own, generated] = splitName(pod.name);
  const stale = usePodIsStale(pod.number);
  return (
    <tr
      data-index={index}
      aria-rowindex={index + 1 + headRows}
      data-pod={pod.id}
      data-selected={selected || undefined}
      className={`relative data-selected:bg-accent-wash h-(--row) hover:bg-surface-2 has-[:focus-visible]:outline-2 has-[:focus-visible]:outline-focus has-[:focus-visible]:-outline-offset-2 ${stale ? 'stale' : ''}`}
    >
      <td className="border-line-1 border-b pl-(--gutter)">
        <SelectBox
          label={`Select ${pod.name}`}
          checked={selected}
          onChange={(extend) => select(pod.id, extend)}
        />
      </td>
      <td className={cell}>
        <span className="align-[-1px] max-md:hidden">
          <Kind kind={pod.kind} />
        </span>
        <span className="md:hidden">
          <Kind kind={pod.kind} hideWord />
        </span>
      </td>
      <th scope="row" className={`${cell} text-left font-normal`}>
        <span className="flex items-center gap-2">
          <Link
            href={`/pods/${pod.namespace}.${pod.name}`}
            prefetch={false}
            data-row-link
            className="min-w-0 truncate after:absolute after:inset-0 focus-visible:outline-none"
          >
            <b className="font-[550]">{own}</b>
            <span className="text-muted">{generated}</span>
          </Link>
          <span className="2xl:hidden">
            <Attention pod={pod} short />
          </span>
        </span>
      </th>
      <td className={`${cell} ${columnStyles.namespace.from} text-ink-2`}>{pod.namespace}</td>
      <td className={`${cell} ${columnStyles.address.from} text-ink-2`}>
        <AddressCell addresses={pod.addresses} />
      </td>
      <Rate number={pod.number} field="ingressPackets" from={columnStyles['pps-in'].from} />
      <Rate number={pod.number} field="egressPackets" from={columnStyles['pps-out'].from} />
      <Rate number={pod.number} field="ingressBits" from={columnStyles['bits-in'].from} />
      <Rate number={pod.number} field="egressBits" from={columnStyles['bits-out'].from} />
      <DropCell number={pod.number} />
      {showRequests && (
        <>
          <Requests number={pod.number} column="requestsOk" />
          <Requests number={pod.number} column="requestsFailed" />
        </>
      )}
      <td className={`${cell} ${columnStyles.trace.from} pl-4 max-2xl:pr-(--gutter)`}>
        <RateTrace number={pod.number} />
      </td>
      <td className={`${cell} ${columnStyles.attention.from} pr-(--gutter)`}>
        <Attention pod={pod} />
      </td>
    </tr>
  );
});

function Rate({ number: pod, field, from }: { number: number; field: RateName; from: string }) {
  return (
    <td className={`${number} ${from}`}>
      <SiNumber value={usePodRate(pod, field)} />
    </td>
  );
}

function DropCell({ number: pod }: { number: number }) {
  const out = usePodRate(pod, 'egressDroppedPackets');
  const into = usePodRate(pod, 'ingressDroppedPackets');
  return (
    <td className={`${number} max-md:pr-(--gutter)`}>
      <DropRate value={out + into} />
    </td>
  );
}

function Requests({ number: pod, column }: { number: number; column: FrameColumn & `requests${string}` }) {
  const value = usePodTotal(pod, column);
  const failed = column === 'requestsFailed';
  return (
    <td className={`${number} ${columnStyles.ok.from}`}>
      <SiNumber
        value={value}
        slot={!failed}
        unknown="its traffic does not count requests"
        className={failed && value > 0 ? 'font-semibold text-signal-text' : ''}
      />
    </td>
  );
}

function RateTrace({ number: pod }: { number: number }) {
  useSampleVersion();
  return (
    <Sparkline
      values={podSeries.values(pod, 'ingressPackets', 60)}
      kinds={podSeries.values(pod, 'kind', 60)}
      width={104}
      height={20}
    />
  );
}
