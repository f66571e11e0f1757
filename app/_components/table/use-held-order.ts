'use client';

import { useRef } from 'react';
import { useRowInteraction } from './use-row-interaction.ts';

/**
 * Keeps rows where they are while the pointer is over them or one has the focus, so that nothing moves away
 * under the hand; new rows come last until then.
 * @param rows as sorted now
 * @param by what the order depends on besides the rows: when it changes, rows move at once
 */
export function useHeldOrder<Row>(rows: readonly Row[], rowKey: (row: Row) => string, by: string) {
  const { held, hold } = useRowInteraction();
  const shown = useRef<{ by: string; order: ReadonlyMap<string, number> }>({ by, order: new Map() });
  const { order, by: before } = shown.current;
  const place = (row: Row): number => order.get(rowKey(row)) ?? order.size;
  const ordered = by === before && held() ? [...rows].sort((a, b) => place(a) - place(b)) : rows;
  shown.current = { by, order: new Map(ordered.map((row, index) => [rowKey(row), index])) };
  return { ordered, hold };
}
