import type { DeviceKind } from '../../../../contract/device.ts';
import { kindScope } from '../../../_components/kind.tsx';
import { clock } from '../../../_lib/format.ts';
import css from './chart.module.css';
import type { ChartPoint } from './chart-points.ts';
import { nearestPoint } from './nearest-point.ts';
import { plotSize, type TimeWindow, timeToX } from './time-window.ts';

/** Ring on a trace, at the value under the crosshair. */
export interface Dot {
  value: number;
  kind: DeviceKind;
}

/** Line through all charts at the crosshair's time, with rings on the traces and the time below. */
export function Crosshair(props: {
  at: number;
  window: TimeWindow;
  points: ChartPoint[];
  width: number;
  dots: (point: ChartPoint) => Dot[];
  scale: { top: number; mirrored: boolean };
}) {
  const { at, window, points, width, dots, scale } = props;
  const maxDistance = snapDistance(window, points);
  const point = nearestPoint(points, at, maxDistance);
  const x = timeToX(window, point?.time ?? at, width);
  const zero = scale.mirrored ? plotSize.height / 2 : plotSize.height;
  const y = (value: number) => zero - (value / scale.top) * zero;
  const pill = Math.min(Math.max(x, 26), width + 12);
  return (
    <>
      <path className={css.crosshair} d={`M${x} -4V${plotSize.height + 4}`} />
      {point !== null &&
        dots(point).map(({ value, kind }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a dot is its place in the list
          <circle key={index} className={`${css.dot} ${kindScope(kind)}`} cx={x} cy={y(value)} r={3} />
        ))}
      <rect className={css.pill} x={pill - 26} y={plotSize.height + 4} width={52} height={15} rx={2} />
      <text className={css.pillTime} x={pill} y={plotSize.height + 15} textAnchor="middle">
        {clock(point?.time ?? at)}
      </text>
    </>
  );
}

/** Largest distance in ms at which the crosshair snaps to a point: the mean distance of two points, at least 1 s. */
export const snapDistance = (window: TimeWindow, points: ChartPoint[]): number =>
  Math.max(1000, (window.to - window.from) / Math.max(1, points.length));
