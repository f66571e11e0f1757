'use client';

import { useRef } from 'react';
import { nextScale, type Scale } from './axis-scale.ts';

/** The top of a scale for the highest value shown now; see `nextScale`. `key`: a new one starts anew. */
export function useScale(highest: number, now: number, key: string): number {
  const state = useRef<{ key: string; scale: Scale | null }>({ key, scale: null });
  const before = state.current.key === key ? state.current.scale : null;
  const scale = nextScale(before, highest, now);
  state.current = { key, scale };
  return scale.top;
}
