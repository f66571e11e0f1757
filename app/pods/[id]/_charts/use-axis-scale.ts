'use client';

import { useRef } from 'react';
import { type AxisScale, nextAxisScale } from './axis-scale.ts';

/** The top of a scale for the highest value shown now; see `nextAxisScale`. `key`: a new one starts anew. */
export function useAxisScale(highest: number, now: number, key: string): number {
  const state = useRef<{ key: string; scale: AxisScale | null }>({ key, scale: null });
  const before = state.current.key === key ? state.current.scale : null;
  const scale = nextAxisScale(before, highest, now);
  state.current = { key, scale };
  return scale.top;
}
