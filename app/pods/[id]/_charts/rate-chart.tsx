'use client';

import { useMemo } from 'react';
import { formatQuantity } from '../../../_lib/format.ts';
import { ChartFrame, type SharedChartState } from './chart-frame.tsx';
import { formatChartAxisLabel, formatChartHeaderValue } from './chart-labels.ts';
import { buildRowsByKind, computeMaxConnectedDistance } from './chart-rows-by-kind.ts';
import { chartPlotSize } from './chart-time-window.ts';
import type { ChartPoint } from './join-rates-and-cpu.ts';
import { ChartAreaTraces } from './lazy-chart-traces.tsx';
import { chartsText } from './text.ts';
import { useChartAxisTop } from './use-axis-scale.ts';

type Field = 'ingressPackets' | 'egressPackets' | 'ingressBits' | 'egressBits';

/** Chart of one rate in both directions on one scale: ingress above zero, egress below. */
export function RateChart(props: {
  title: string;
  unit: string;
  up: Field;
  down: Field;
  shared: SharedChartState;
  read: ChartPoint | null;
}) {
  const { title, unit, up, down, shared, read } = props;
  const { window, points } = shared;
  const range = window.to - window.from;
  const highest = Math.max(0, ...points.map((point) => Math.max(point[up], point[down])));
  const top = useChartAxisTop(highest, window.to, `${range}`);
  const rows = useMemo(
    () =>
      buildRowsByKind(
        points,
        (point) => point[up],
        (point) => -point[down],
        computeMaxConnectedDistance(range),
      ),
    [points, up, down, range],
  );
  return (
    <ChartFrame
      title={title}
      unit={unit}
      shared={shared}
      top={top}
      mirrored
      label={formatChartAxisLabel}
      read={
        <>
          <span>
            <em>{chartsText.ingress}</em>
            {formatChartHeaderValue(read?.[up])}
          </span>
          <span>
            <em>{chartsText.egress}</em>
            {formatChartHeaderValue(read?.[down])}
          </span>
        </>
      }
      legend={<span className="text-muted">{chartsText.directions}</span>}
      dots={(point) => [
        { value: point[up], kind: point.kind },
        { value: -point[down], kind: point.kind },
      ]}
      columns={[
        { label: `${chartsText.ingress}, ${unit}`, value: (point) => formatQuantity(point[up]) },
        { label: `${chartsText.egress}, ${unit}`, value: (point) => formatQuantity(point[down]) },
        { label: chartsText.device, value: (point) => point.kind },
      ]}
    >
      {(width) => (
        <ChartAreaTraces
          width={width}
          height={chartPlotSize.height}
          window={window}
          rows={rows}
          bottom={-top}
          top={top}
          stacked={false}
        />
      )}
    </ChartFrame>
  );
}
