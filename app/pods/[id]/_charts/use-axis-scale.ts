'use client';

import { useState } from 'react';
import { type ChartAxisScale, updateChartAxisScale } from './axis-maximum.ts';

/**
 * Returns the top of a chart's scale for the highest value shown; see `updateChartAxisScale`.
 * @param now time of the last sample, ms
 * @param key a new key starts a new scale
 */
export function useChartAxisTop(highest: number, now: number, key: string): number {
  const [state, setState] = useState<{ key: string; scale: ChartAxisScale | null }>({ key, scale: null });
  const scale = updateChartAxisScale(state.key === key ? state.scale : null, highest, now);
  if (state.key !== key || state.scale !== scale) setState({ key, scale });
  return scale.top;
}
