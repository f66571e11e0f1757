'use client';

import { useMemo } from 'react';
import { count, percent } from '../../../_lib/format.ts';
import css from './chart.module.css';
import { ChartFrame, type SharedChartState } from './chart-frame.tsx';
import { type ChartPoint, rowsByKind } from './downsample.ts';
import { maxPointDistance } from './rate-chart.tsx';
import { AreaTraces } from './recharts-traces.tsx';
import { plotSize } from './time-window.ts';
import { useAxisScale } from './use-axis-scale.ts';

const share = (value: number | null): string => (value === null ? 'n/a' : `${percent(value)} %`);
const nanoseconds = (value: number | null): string => (value === null ? 'n/a' : `${count(value)} ns`);
const ofCore = (point: ChartPoint): number | null =>
  point.egressCores === null && point.ingressCores === null
    ? null
    : (point.egressCores ?? 0) + (point.ingressCores ?? 0);

const why =
  'The pod’s part of our programs’ run time: its own runs × the mean time of a run on this node. The rest of the kernel’s work for a packet is not in it.';

/** Share of a core that our two programs take for this pod: what leaves at the bottom, what enters on top of it. */
export function CpuChart({ shared, read }: { shared: SharedChartState; read: ChartPoint | null }) {
  const { window, points } = shared;
  const range = window.to - window.from;
  const top = useAxisScale(
    Math.max(0, ...points.map((point) => (ofCore(point) ?? 0) * 100)),
    window.to,
    `${range}`,
  );
  const rows = useMemo(
    () =>
      rowsByKind(
        points,
        (point) => (point.egressCores === null ? null : point.egressCores * 100),
        (point) => (point.ingressCores === null ? null : point.ingressCores * 100),
        maxPointDistance(range),
      ),
    [points, range],
  );
  const kind = read?.kind ?? 'netkit';
  return (
    <ChartFrame
      title="Program CPU"
      unit="% of a core"
      shared={shared}
      top={top}
      mirrored={false}
      label={(value) => (value === 0 ? '0' : `${Number(value.toPrecision(2))} %`)}
      read={
        <span title={why}>
          <em>both</em>
          {share(read === null ? null : ofCore(read))}
        </span>
      }
      legend={
        <span className={`flex gap-2.5 kind-${kind}`}>
          <span title={why}>
            <i className={css.swatch} style={{ background: 'var(--k)', opacity: 0.55 }} />
            out {share(read?.egressCores ?? null)}, {nanoseconds(read?.nsOut ?? null)}
          </span>
          <span title={why}>
            <i className={css.swatch} style={{ background: 'var(--k)', opacity: 0.25 }} />
            in {share(read?.ingressCores ?? null)}, {nanoseconds(read?.nsIn ?? null)}
          </span>
        </span>
      }
      dots={(point) => [
        ...(point.egressCores === null ? [] : [{ value: point.egressCores * 100, kind: point.kind }]),
        ...(point.ingressCores === null ? [] : [{ value: (ofCore(point) ?? 0) * 100, kind: point.kind }]),
      ]}
      columns={[
        { label: 'out', value: (point) => share(point.egressCores) },
        { label: 'ns/run', value: (point) => nanoseconds(point.nsOut) },
        { label: 'in', value: (point) => share(point.ingressCores) },
        { label: 'ns/run ', value: (point) => nanoseconds(point.nsIn) },
      ]}
    >
      {(width) => (
        <AreaTraces
          width={width}
          height={plotSize.height}
          window={window}
          rows={rows}
          bottom={0}
          top={top}
          stacked
        />
      )}
    </ChartFrame>
  );
}
