import type { DeviceKind } from '../../../../contract/device.ts';
import { deviceKindColorClass } from '../../../_components/device-kind.tsx';
import { formatClockTime } from '../../../_lib/format.ts';
import css from './chart.module.css';
import { type ChartTimeWindow, chartPlotSize, convertTimeToX } from './chart-time-window.ts';
import type { ChartPoint } from './join-rates-and-cpu.ts';
import { findNearestPoint } from './nearest-point.ts';

/** Ring drawn on a trace at the value under the crosshair. */
export interface CrosshairDot {
  value: number;
  kind: DeviceKind;
}

/** Draws the crosshair: a line through the chart, rings on its traces, and the time below. */
export function ChartCrosshair(props: {
  at: number;
  window: ChartTimeWindow;
  points: ChartPoint[];
  width: number;
  dots: (point: ChartPoint) => CrosshairDot[];
  scale: { top: number; mirrored: boolean };
}) {
  const { at, window, points, width, dots, scale } = props;
  const maxDistance = computeCrosshairSnapDistance(window, points);
  const point = findNearestPoint(points, at, maxDistance);
  const x = convertTimeToX(window, point?.time ?? at, width);
  const zero = scale.mirrored ? chartPlotSize.height / 2 : chartPlotSize.height;
  const y = (value: number) => zero - (value / scale.top) * zero;
  const pill = Math.min(Math.max(x, 26), width + 12);
  return (
    <>
      <path className={css.crosshair} d={`M${x} -4V${chartPlotSize.height + 4}`} />
      {point !== null &&
        dots(point).map(({ value, kind }, index) => (
          <circle
            // biome-ignore lint/suspicious/noArrayIndexKey: each dot keeps its position in the list
            key={index}
            className={`${css.dot} ${deviceKindColorClass(kind)}`}
            cx={x}
            cy={y(value)}
            r={3}
          />
        ))}
      <rect className={css.pill} x={pill - 26} y={chartPlotSize.height + 4} width={52} height={15} rx={2} />
      <text className={css.pillTime} x={pill} y={chartPlotSize.height + 15} textAnchor="middle">
        {formatClockTime(point?.time ?? at)}
      </text>
    </>
  );
}

/**
 * Returns the maximum distance in ms at which the crosshair snaps to a point: the mean distance between points, at
 * least 1 s.
 */
export const computeCrosshairSnapDistance = (window: ChartTimeWindow, points: ChartPoint[]): number =>
  Math.max(1000, (window.to - window.from) / Math.max(1, points.length));
