/**
 * Returns the smallest of 1, 2, 3, 4, 6, 8, 10, 20 … that is at least `value`; 1 for 0. Half of each result is a round
 * number too.
 */
export function roundUpToAxisMaximum(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 3, 4, 6, 8, 10]) {
    // The tolerance keeps 0.3 / 0.1 = 2.9999… and similar quotients on their own step.
    if (value <= step * power * (1 + 1e-9)) return step * power;
  }
  return 10 * power;
}

/**
 * Top of a chart's scale, and the time in ms since which a lower top would have been enough; null if it would not be.
 */
export interface ChartAxisScale {
  top: number;
  lowerSince: number | null;
}

const shrinkAfterMs = 30_000;

/**
 * Returns the next scale of a chart. A scale grows at once but shrinks only after a lower top was enough for 30 s, so
 * that it does not change all the time.
 * @param highest highest value shown
 * @param now time of the last sample, ms
 */
export function updateChartAxisScale(
  scale: ChartAxisScale | null,
  highest: number,
  now: number,
): ChartAxisScale {
  const wanted = roundUpToAxisMaximum(highest);
  if (scale === null || wanted > scale.top) return { top: wanted, lowerSince: null };
  if (wanted === scale.top) return scale.lowerSince === null ? scale : { top: scale.top, lowerSince: null };
  if (scale.lowerSince === null || now < scale.lowerSince) return { top: scale.top, lowerSince: now };
  return now - scale.lowerSince >= shrinkAfterMs ? { top: wanted, lowerSince: null } : scale;
}
