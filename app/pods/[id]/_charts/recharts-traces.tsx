'use client';

import { memo } from 'react';
import { Area, AreaChart, Bar, BarChart, XAxis, YAxis } from 'recharts';
import type { ChartRowByKind } from './chart-rows-by-kind.ts';
import type { ChartTimeWindow } from './chart-time-window.ts';

const still = {
  isAnimationActive: false,
  dot: false,
  activeDot: false,
  type: 'linear',
  connectNulls: false,
} as const;
const none = { top: 0, right: 0, bottom: 0, left: 0 };
const series = ['netkitUp', 'vethUp', 'netkitDown', 'vethDown'] as const;

interface Size {
  width: number;
  height: number;
  window: ChartTimeWindow;
}

/**
 * Draws two values per device kind in the color of the kind. The values are above and below zero, or, if `stacked`, on
 * top of each other with the lower one filled more strongly.
 */
export const RechartsAreaTraces = memo(function RechartsAreaTraces(
  props: Size & { rows: ChartRowByKind[]; bottom: number; top: number; stacked: boolean },
) {
  const { width, height, window, rows, bottom, top, stacked } = props;
  return (
    <AreaChart width={width} height={height} data={rows} margin={none} accessibilityLayer={false}>
      <XAxis hide dataKey="time" type="number" domain={[window.from, window.to]} allowDataOverflow />
      <YAxis hide domain={[bottom, top]} allowDataOverflow />
      {series.map((key) => {
        const color = key.startsWith('netkit') ? 'var(--kind-netkit)' : 'var(--kind-veth)';
        const strong = stacked && key.endsWith('Up');
        return (
          <Area
            key={key}
            {...still}
            dataKey={key}
            {...(stacked ? { stackId: key.startsWith('netkit') ? 'netkit' : 'veth' } : {})}
            baseValue={0}
            stroke={color}
            strokeWidth={1.5}
            fill={color}
            fillOpacity={strong ? 0.5 : 0.14}
          />
        );
      })}
    </AreaChart>
  );
});

/** Draws stacked bars with one series per key; all series from the fourth on share a color. */
export const RechartsBarTraces = memo(function RechartsBarTraces(
  props: Size & { rows: Record<string, number>[]; keys: readonly string[]; top: number; barWidth: number },
) {
  const { width, height, window, rows, keys, top, barWidth } = props;
  return (
    <BarChart
      width={width}
      height={height}
      data={rows}
      margin={none}
      accessibilityLayer={false}
      barCategoryGap={0}
    >
      <XAxis hide dataKey="time" type="number" domain={[window.from, window.to]} allowDataOverflow />
      <YAxis hide domain={[0, top]} allowDataOverflow />
      {keys.map((key, rank) => (
        <Bar
          key={key}
          dataKey={key}
          stackId="drops"
          fill={`var(--drop-${Math.min(4, rank + 1)})`}
          barSize={barWidth}
          isAnimationActive={false}
        />
      ))}
    </BarChart>
  );
});
