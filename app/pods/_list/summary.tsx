'use client';

import type { ReactNode } from 'react';
import type { DeviceKind } from '../../../contract/device.ts';
import { Kind } from '../../_components/kind.tsx';
import { Readout } from '../../_components/number.tsx';
import { Sparkline } from '../../_components/sparkline.tsx';
import { percent } from '../../_lib/format.ts';
import { softirqShare } from '../../_lib/time-series/node-series.ts';
import { nodeSeries, podSeries } from '../../_lib/time-series/store.ts';
import {
  useNodeSample,
  useSamplesAreStale,
  useSampleVersion,
} from '../../_lib/time-series/use-time-series.ts';
import { listText, podsByKindLabel, softirqLabel } from './text.ts';

const seconds = 60;

/** Summary of the node: its pods by kind, and the rates of all pods together. */
export function Summary({ pods, kinds }: { pods: number | null; kinds: Record<DeviceKind, number> }) {
  const stale = useSamplesAreStale();
  return (
    <section
      aria-label={listText.summary}
      className={`flex border-line-1 border-b px-(--gutter) max-lg:grid max-lg:grid-cols-2 max-lg:gap-x-4 max-lg:py-2 ${stale ? 'saturate-20 [&_*]:text-muted' : ''}`}
    >
      <div className="w-[316px] flex-none py-3 pr-5 max-xl:w-56 max-lg:col-span-2 max-lg:w-auto max-lg:py-1 max-lg:pr-0">
        <Label>{pods === null ? listText.podsByKind : podsByKindLabel(pods)}</Label>
        <div className="flex h-8 flex-col justify-end gap-[7px]">
          <div className="flex gap-4">
            {(['netkit', 'veth'] as const).map((kind) => (
              <span key={kind} className="inline-flex items-center gap-1.5">
                <Kind kind={kind} hideWord />
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
  useSampleVersion();
  const node = useNodeSample();
  const sums = podSeries.sums();
  const sum = (
    a: 'ingressPackets' | 'egressPackets' | 'ingressBits' | 'ingressDroppedPackets',
    b?: 'egressBits' | 'egressDroppedPackets',
  ) => (sums === null ? Number.NaN : sums[a] + (b === undefined ? 0 : sums[b]));
  const dropped = sum('ingressDroppedPackets', 'egressDroppedPackets');
  const shares = nodeSeries.points.slice(-seconds).map(({ sample }) => softirqShare(sample));
  const softirq = [...Array<number>(seconds - shares.length).fill(Number.NaN), ...shares];
  return (
    <>
      <Item
        label={listText.packets}
        trace={<Trace values={podSeries.sumValues('ingressPackets', seconds)} />}
      >
        <Readout value={sum('ingressPackets')} unit={listText.ppsIn} />
      </Item>
      <Item label={'\u00a0'} trace={<Trace values={podSeries.sumValues('egressPackets', seconds)} />}>
        <Readout value={sum('egressPackets')} unit={listText.ppsOut} />
      </Item>
      <Item label={listText.bits} trace={<Trace values={both('ingressBits', 'egressBits')} />}>
        <Readout value={sum('ingressBits', 'egressBits')} unit="bit/s" />
      </Item>
      <Item
        label={listText.drops}
        trace={
          <Trace
            values={both('ingressDroppedPackets', 'egressDroppedPackets')}
            tone={dropped > 0 ? 'signal' : 'muted'}
          />
        }
      >
        <Readout value={dropped} unit="/s" />
      </Item>
      <Item
        label={node === null ? listText.softirq : softirqLabel(node.cpus.length)}
        trace={<Trace values={softirq} />}
      >
        <Readout value={softirqShare(node)} unit="%" format={percent} />
      </Item>
    </>
  );
}

function both(
  a: 'ingressBits' | 'ingressDroppedPackets',
  b: 'egressBits' | 'egressDroppedPackets',
): Float32Array {
  const second = podSeries.sumValues(b, seconds);
  return podSeries.sumValues(a, seconds).map((value, i) => value + (second[i] ?? Number.NaN));
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
