import { formatClockTime } from '../../../_lib/format.ts';
import css from './chart.module.css';
import { type ChartTimeWindow, chartPlotSize, convertTimeToX } from './chart-time-window.ts';
import { chartsText } from './text.ts';

const divisions = 5;
/** Half the width in px of a time label and of the crosshair's time. */
const half = 27;

/** Draws the grid of a chart: dotted lines, three labels of the scale, and times below the plot. */
export function ChartGrid(props: {
  window: ChartTimeWindow;
  width: number;
  outer: number;
  top: number;
  mirrored: boolean;
  label: (value: number) => string;
  at: number | null;
}) {
  const { window, width, outer, top, mirrored, label, at } = props;
  const { height } = chartPlotSize;
  const verticals = Array.from({ length: divisions + 1 }, (_, index) => (width * index) / divisions);
  const lines = mirrored ? [0, 0.25, 0.75] : [0, 0.25, 0.5, 0.75];
  const scale: [number, string][] = [
    [8, label(top)],
    [height / 2 + 4, label(mirrored ? 0 : top / 2)],
    [height, label(mirrored ? top : 0)],
  ];
  const covered = at === null ? null : convertTimeToX(window, at, width);
  const free = (x: number) => covered === null || Math.abs(covered - x) > 2 * half;
  const middle = (width * 2) / divisions;
  return (
    <>
      {verticals.map((x) => (
        <path key={x} className={css.graticule} d={`M${x} 0V${height}`} />
      ))}
      {lines.map((share) => (
        <path key={share} className={css.graticule} d={`M0 ${height * share}H${width}`} />
      ))}
      {mirrored && <path className={css.zero} d={`M0 ${height / 2}H${width}`} />}
      <path className={css.base} d={`M0 ${height}H${width}`} />
      {scale.map(([y, text]) => (
        <text key={y} className={css.axis} x={outer} y={y} textAnchor="end">
          {text}
        </text>
      ))}
      {verticals.map((x) => (
        <path key={x} className={css.tick} d={`M${x} ${height}v4`} />
      ))}
      {free(half) && (
        <text className={css.axis} x={0} y={height + 15}>
          {formatClockTime(window.from)}
        </text>
      )}
      {free(middle) && width > 240 && (
        <text className={css.axis} x={middle} y={height + 15} textAnchor="middle">
          {formatClockTime(timeOf(window, middle, width))}
        </text>
      )}
      {free(width - half / 2) && (
        <text className={css.axis} x={width} y={height + 15} textAnchor="end">
          {window.live ? chartsText.now : formatClockTime(window.to)}
        </text>
      )}
    </>
  );
}

const timeOf = (window: ChartTimeWindow, x: number, width: number): number =>
  window.from + (x / width) * (window.to - window.from);
