'use client';

import { useMemo } from 'react';
import { formatCount, formatPercent } from '../../../_lib/format.ts';
import css from './chart.module.css';
import { ChartFrame, type SharedChartState } from './chart-frame.tsx';
import { buildRowsByKind, computeMaxConnectedDistance } from './chart-rows-by-kind.ts';
import { chartPlotSize } from './chart-time-window.ts';
import type { ChartPoint } from './join-rates-and-cpu.ts';
import { ChartAreaTraces } from './lazy-chart-traces.tsx';
import { chartsText } from './text.ts';
import { useChartAxisTop } from './use-axis-scale.ts';

const share = (value: number | null): string =>
  value === null ? chartsText.unknown : `${formatPercent(value)} %`;
const nanoseconds = (value: number | null): string =>
  value === null ? chartsText.unknown : `${formatCount(value)} ns`;
const totalCores = (point: ChartPoint): number | null =>
  point.egressCores === null && point.ingressCores === null
    ? null
    : (point.egressCores ?? 0) + (point.ingressCores ?? 0);

/** Chart of the share of a core that Podlane's programs use for this pod: egress, with ingress stacked on top. */
export function CpuChart({ shared, read }: { shared: SharedChartState; read: ChartPoint | null }) {
  const { window, points } = shared;
  const range = window.to - window.from;
  const top = useChartAxisTop(
    Math.max(0, ...points.map((point) => (totalCores(point) ?? 0) * 100)),
    window.to,
    `${range}`,
  );
  const rows = useMemo(
    () =>
      buildRowsByKind(
        points,
        (point) => (point.egressCores === null ? null : point.egressCores * 100),
        (point) => (point.ingressCores === null ? null : point.ingressCores * 100),
        computeMaxConnectedDistance(range),
      ),
    [points, range],
  );
  const kind = read?.kind ?? 'netkit';
  return (
    <ChartFrame
      title={chartsText.cpu}
      unit={chartsText.cpuUnit}
      shared={shared}
      top={top}
      mirrored={false}
      label={(value) => (value === 0 ? '0' : `${Number(value.toPrecision(2))} %`)}
      read={
        <span title={chartsText.cpuDetail}>
          <em>{chartsText.bothPrograms}</em>
          {share(read === null ? null : totalCores(read))}
        </span>
      }
      legend={
        <span className={`flex gap-2.5 kind-${kind}`}>
          <span title={chartsText.cpuDetail}>
            <i className={css.swatch} style={{ background: 'var(--k)', opacity: 0.55 }} />
            {chartsText.egress} {share(read?.egressCores ?? null)},{' '}
            {nanoseconds(read?.egressNsPerRun ?? null)}
          </span>
          <span title={chartsText.cpuDetail}>
            <i className={css.swatch} style={{ background: 'var(--k)', opacity: 0.25 }} />
            {chartsText.ingress} {share(read?.ingressCores ?? null)},{' '}
            {nanoseconds(read?.ingressNsPerRun ?? null)}
          </span>
        </span>
      }
      dots={(point) => [
        ...(point.egressCores === null ? [] : [{ value: point.egressCores * 100, kind: point.kind }]),
        ...(point.ingressCores === null ? [] : [{ value: (totalCores(point) ?? 0) * 100, kind: point.kind }]),
      ]}
      columns={[
        { label: chartsText.egress, value: (point) => share(point.egressCores) },
        { label: chartsText.nsPerRun, value: (point) => nanoseconds(point.egressNsPerRun) },
        { label: chartsText.ingress, value: (point) => share(point.ingressCores) },
        { label: `${chartsText.nsPerRun} `, value: (point) => nanoseconds(point.ingressNsPerRun) },
      ]}
    >
      {(width) => (
        <ChartAreaTraces
          width={width}
          height={chartPlotSize.height}
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
