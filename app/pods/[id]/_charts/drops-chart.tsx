'use client';

import { useMemo } from 'react';
import { dropReasonLabels, dropReasons } from '../../../../contract/counter-table.ts';
import { formatQuantity } from '../../../_lib/format.ts';
import css from './chart.module.css';
import { ChartFrame, type SharedChartState } from './chart-frame.tsx';
import { formatChartAxisLabel, formatChartHeaderValue } from './chart-labels.ts';
import { chartPlotSize } from './chart-time-window.ts';
import type { ChartPoint } from './join-rates-and-cpu.ts';
import { ChartBarTraces } from './lazy-chart-traces.tsx';
import { chartsText } from './text.ts';
import { useChartAxisTop } from './use-axis-scale.ts';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Chart of the packets that Podlane's programs dropped, by reason, with the most frequent reason at the bottom. */
export function DropsChart({ shared, read }: { shared: SharedChartState; read: ChartPoint | null }) {
  const { window, points } = shared;
  const range = window.to - window.from;
  const order = useMemo(() => rankDropReasons(points), [points]);
  const top = useChartAxisTop(Math.max(0, ...points.map(({ drops }) => sum(drops))), window.to, `${range}`);
  const { rows, slots } = useMemo(() => barsOf(points, range), [points, range]);
  const seen = order.filter((reason) => points.some(({ drops }) => (drops[reason] ?? 0) > 0));
  const keys = order.flatMap((reason) => dropReasons[reason] ?? []);
  return (
    <ChartFrame
      title={chartsText.drops}
      unit={chartsText.dropsUnit}
      shared={shared}
      top={top}
      mirrored={false}
      label={formatChartAxisLabel}
      read={
        <span className={read !== null && sum(read.drops) > 0 ? 'text-signal-text' : ''}>
          <em>{chartsText.allDrops}</em>
          {formatChartHeaderValue(read && sum(read.drops))}
        </span>
      }
      legend={
        seen.length === 0 && points.length > 0 ? (
          <span className="text-muted">{chartsText.noDrops}</span>
        ) : (
          seen.map((reason, place) => (
            <span key={reason}>
              <i className={css.swatch} style={{ background: `var(--drop-${place + 1})` }} />
              {reasonLabel(reason)} {formatChartHeaderValue(read?.drops[reason])}
            </span>
          ))
        )
      }
      dots={() => []}
      columns={dropReasons.map((name, reason) => ({
        label: dropReasonLabels[name],
        value: (point) => formatQuantity(point.drops[reason] ?? 0),
      }))}
    >
      {(width) => (
        <ChartBarTraces
          width={width}
          height={chartPlotSize.height}
          window={window}
          rows={rows}
          keys={keys}
          top={top}
          barWidth={Math.max(1, width / slots - 1)}
        />
      )}
    </ChartFrame>
  );
}

const reasonLabel = (reason: number): string => {
  const name = dropReasons[reason];
  return name === undefined ? '' : dropReasonLabels[name];
};

/** Returns the indexes of the drop reasons sorted by frequency in the time window; ties keep the contract's order. */
export function rankDropReasons(points: readonly ChartPoint[]): number[] {
  const totals = dropReasons.map((_, reason) => sum(points.map(({ drops }) => drops[reason] ?? 0)));
  return dropReasons.map((_, reason) => reason).sort((a, b) => (totals[b] ?? 0) - (totals[a] ?? 0) || a - b);
}

/**
 * Divides the time window into sixty bars with the mean of each interval, because a bar per second would be thinner
 * than a pixel.
 */
function barsOf(
  points: readonly ChartPoint[],
  range: number,
): { rows: Record<string, number>[]; slots: number } {
  const slots = 60;
  const length = range / slots;
  const stretches = new Map<number, ChartPoint[]>();
  for (const point of points) {
    const slot = Math.floor(point.time / length);
    stretches.set(slot, [...(stretches.get(slot) ?? []), point]);
  }
  const rows = [...stretches].map(([slot, stretch]) => {
    const row: Record<string, number> = { time: (slot + 0.5) * length };
    for (const [reason, name] of dropReasons.entries())
      row[name] = sum(stretch.map(({ drops }) => drops[reason] ?? 0)) / stretch.length;
    return row;
  });
  return { rows, slots };
}
