'use client';

import { useMemo } from 'react';
import { quantity } from '../../../_lib/format.ts';
import { useScale } from './use-axis-scale.ts';
import { reading, scaleLabel } from './chart-labels.ts';
import { ChartFrame, type Shared } from './chart-frame.tsx';
import { type Point, rowsOf } from './downsample.ts';
import { AreaTraces } from './recharts-traces.tsx';
import { plot } from './time-window.ts';

type Field = 'ingressPackets' | 'egressPackets' | 'ingressBits' | 'egressBits';

/** One rate in both directions on one scale: what enters the pod above zero, what leaves it below. */
export function RateChart(props: {
  title: string;
  unit: string;
  up: Field;
  down: Field;
  shared: Shared;
  read: Point | null;
}) {
  const { title, unit, up, down, shared, read } = props;
  const { window, points } = shared;
  const range = window.to - window.from;
  const highest = Math.max(0, ...points.map((point) => Math.max(point[up], point[down])));
  const top = useScale(highest, window.to, `${range}`);
  const rows = useMemo(
    () =>
      rowsOf(
        points,
        (point) => point[up],
        (point) => -point[down],
        longestStep(range),
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
      label={scaleLabel}
      read={
        <>
          <span>
            <em>in</em>
            {reading(read?.[up])}
          </span>
          <span>
            <em>out</em>
            {reading(read?.[down])}
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
          height={plot.height}
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
export const longestStep = (range: number): number => Math.max(1750, Math.ceil(range / 300_000) * 1750);
