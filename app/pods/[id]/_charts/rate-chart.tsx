'use client';

import { useMemo } from 'react';
import { quantity } from '../../../_lib/format.ts';
import { ChartFrame, type SharedChartState } from './chart-frame.tsx';
import { axisLabel, chartValueLabel } from './chart-labels.ts';
import { type ChartPoint, rowsByKind } from './downsample.ts';
import { AreaTraces } from './recharts-traces.tsx';
import { plotSize } from './time-window.ts';
import { useAxisScale } from './use-axis-scale.ts';

type Field = 'ingressPackets' | 'egressPackets' | 'ingressBits' | 'egressBits';

/** One rate in both directions on one scale: what enters the pod above zero, what leaves it below. */
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
  const top = useAxisScale(highest, window.to, `${range}`);
  const rows = useMemo(
    () =>
      rowsByKind(
        points,
        (point) => point[up],
        (point) => -point[down],
        maxPointDistance(range),
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
      label={axisLabel}
      read={
        <>
          <span>
            <em>in</em>
            {chartValueLabel(read?.[up])}
          </span>
          <span>
            <em>out</em>
            {chartValueLabel(read?.[down])}
          </span>
        </>
      }
      legend={<span className="text-muted">above: to pod · below: from pod</span>}
      dots={(point) => [
        { value: point[up], kind: point.kind },
        { value: -point[down], kind: point.kind },
      ]}
      columns={[
        { label: `in, ${unit}`, value: (point) => quantity(point[up]) },
        { label: `out, ${unit}`, value: (point) => quantity(point[down]) },
        { label: 'on', value: (point) => point.kind },
      ]}
    >
      {(width) => (
        <AreaTraces
          width={width}
          height={plotSize.height}
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

/** Points of a range stand this far apart at the most; further is a gap. */
export const maxPointDistance = (range: number): number => Math.max(1750, Math.ceil(range / 300_000) * 1750);
