/**
 * Time interval that the charts show, ms since the epoch. A live window ends at the last sample; otherwise the charts
 * are paused.
 */
export interface ChartTimeWindow {
  from: number;
  to: number;
  live: boolean;
}

export const chartTimeRanges = [
  { label: '1 min', ms: 60_000 },
  { label: '5 min', ms: 300_000 },
  { label: '30 min', ms: 1_800_000 },
] as const;

/** Height of a chart's plot, width of its scale and height of its time axis, px. */
export const chartPlotSize = { height: 124, scale: 38, axis: 20 };

export const convertTimeToX = (window: ChartTimeWindow, time: number, width: number): number =>
  ((time - window.from) / (window.to - window.from)) * width;

export const convertXToTime = (window: ChartTimeWindow, x: number, width: number): number =>
  window.from + (Math.min(Math.max(x, 0), width) / width) * (window.to - window.from);
