'use client';

import type { ReactNode } from 'react';
import type { DeviceKind } from '../../../contract/device.ts';
import { DeviceKindLabel } from '../../_components/device-kind.tsx';
import { LargeNumber } from '../../_components/number-display.tsx';
import { Sparkline } from '../../_components/sparkline.tsx';
import { formatPercent } from '../../_lib/format.ts';
import { computeSoftirqCpuShare } from '../../_lib/time-series/node-series.ts';
import { nodeTimeSeries, podTimeSeries } from '../../_lib/time-series/sample-store.ts';
import {
  useNodeSample,
  useSampleFrameCount,
  useSamplesAreStale,
} from '../../_lib/time-series/use-time-series.ts';
import { formatPodsByKindLabel, formatSoftirqLabel, podListText } from './text.ts';

const seconds = 60;

/** Summarizes the node: its pods by device kind, and the rates of all pods together. */
export function NodeSummary({ pods, kinds }: { pods: number | null; kinds: Record<DeviceKind, number> }) {
  const stale = useSamplesAreStale();
  return (
    <section
      aria-label={podListText.summary}
      className={`flex border-line-1 border-b px-(--gutter) max-lg:grid max-lg:grid-cols-2 max-lg:gap-x-4 max-lg:py-2 ${stale ? 'saturate-20 [&_*]:text-muted' : ''}`}
    >
      <div className="w-[316px] flex-none py-3 pr-5 max-xl:w-56 max-lg:col-span-2 max-lg:w-auto max-lg:py-1 max-lg:pr-0">
        <Label>{pods === null ? podListText.podsByKind : formatPodsByKindLabel(pods)}</Label>
        <div className="flex h-8 flex-col justify-end gap-[7px]">
          <div className="flex gap-4">
            {(['netkit', 'veth'] as const).map((kind) => (
              <span key={kind} className="inline-flex items-center gap-1.5">
                <DeviceKindLabel kind={kind} hideWord />
                <b className="font-semibold tabular-nums">{pods === null ? '' : kinds[kind]}</b>
                <span aria-hidden="true" className="text-12 text-muted">
                  {kind}
                </span>
              </span>
            ))}
          </div>
          <svg className="h-1 w-full" aria-hidden="true">
            <KindBar kinds={kinds} />
          </svg>
        </div>
      </div>
      <Live />
    </section>
  );
}

function KindBar({ kinds: { netkit, veth } }: { kinds: Record<DeviceKind, number> }) {
  const all = netkit + veth;
  if (all === 0) return <rect width="100%" height="4" rx="1" className="fill-surface-3" />;
  const share = (netkit / all) * 100;
  return (
    <>
      {netkit > 0 && <rect width={`${share}%`} height="4" rx="1" className="fill-netkit" />}
      {netkit > 0 && veth > 0 && <rect x={`${share}%`} width="2" height="4" className="fill-surface-0" />}
      {veth > 0 && (
        <rect
          x={`${share}%`}
          width={`${100 - share}%`}
          height="4"
          rx="1"
          className={netkit > 0 ? 'translate-x-0.5 fill-veth' : 'fill-veth'}
        />
      )}
    </>
  );
}

function Live() {
  useSampleFrameCount();
  const node = useNodeSample();
  const sums = podTimeSeries.sums();
  const sum = (
    a: 'ingressPackets' | 'egressPackets' | 'ingressBits' | 'ingressDroppedPackets',
    b?: 'egressBits' | 'egressDroppedPackets',
  ) => (sums === null ? Number.NaN : sums[a] + (b === undefined ? 0 : sums[b]));
  const dropped = sum('ingressDroppedPackets', 'egressDroppedPackets');
  const shares = nodeTimeSeries.points.slice(-seconds).map(({ sample }) => computeSoftirqCpuShare(sample));
  const softirq = [...Array<number>(seconds - shares.length).fill(Number.NaN), ...shares];
  return (
    <>
      <Item
        label={podListText.packets}
        trace={<Trace values={podTimeSeries.sumValues('ingressPackets', seconds)} />}
      >
        <LargeNumber value={sum('ingressPackets')} unit={podListText.ppsIn} />
      </Item>
      <Item label={'\u00a0'} trace={<Trace values={podTimeSeries.sumValues('egressPackets', seconds)} />}>
        <LargeNumber value={sum('egressPackets')} unit={podListText.ppsOut} />
      </Item>
      <Item label={podListText.bits} trace={<Trace values={both('ingressBits', 'egressBits')} />}>
        <LargeNumber value={sum('ingressBits', 'egressBits')} unit="bit/s" />
      </Item>
      <Item
        label={podListText.drops}
        trace={
          <Trace
            values={both('ingressDroppedPackets', 'egressDroppedPackets')}
            tone={dropped > 0 ? 'signal' : 'muted'}
          />
        }
      >
        <LargeNumber value={dropped} unit="/s" />
      </Item>
      <Item
        label={node === null ? podListText.softirq : formatSoftirqLabel(node.cpus.length)}
        trace={<Trace values={softirq} />}
      >
        <LargeNumber value={computeSoftirqCpuShare(node)} unit="%" format={formatPercent} />
      </Item>
    </>
  );
}

function both(
  a: 'ingressBits' | 'ingressDroppedPackets',
  b: 'egressBits' | 'egressDroppedPackets',
): Float32Array {
  const second = podTimeSeries.sumValues(b, seconds);
  return podTimeSeries.sumValues(a, seconds).map((value, i) => value + (second[i] ?? Number.NaN));
}

function Item({ label, trace, children }: { label: string; trace: ReactNode; children: ReactNode }) {
  return (
    <div className="min-w-0 flex-1 border-line-1 border-l px-5 py-3 last:pr-0 max-xl:px-3 max-lg:border-0 max-lg:px-0 max-lg:py-1">
      <Label>{label}</Label>
      <div className="flex items-end justify-between gap-3">
        {children}
        <span className="pb-1 max-xl:hidden max-lg:block">{trace}</span>
      </div>
    </div>
  );
}

const Trace = (props: { values: ArrayLike<number>; tone?: 'muted' | 'signal' }) => (
  <Sparkline {...props} width={50} height={24} />
);

const Label = ({ children }: { children: string }) => (
  <div className="whitespace-nowrap text-12 text-muted">{children}</div>
);
