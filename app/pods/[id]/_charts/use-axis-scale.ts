'use client';

import { useState } from 'react';
import { type AxisScale, nextAxisScale } from './axis-scale.ts';

/**
 * Returns the top of a chart's scale for the highest value shown; see `nextAxisScale`.
 * @param now time of the last sample, ms
 * @param key a new key starts a new scale
 */
export function useAxisScale(highest: number, now: number, key: string): number {
  const [state, setState] = useState<{ key: string; scale: AxisScale | null }>({ key, scale: null });
  const scale = nextAxisScale(state.key === key ? state.scale : null, highest, now);
  if (state.key !== key || state.scale !== scale) setState({ key, scale });
  return scale.top;
}
