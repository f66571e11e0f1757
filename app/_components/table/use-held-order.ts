'use client';

import { type FocusEvent, type PointerEvent, useRef } from 'react';

/**
 * Keeps rows where they are while the pointer is over them or one has the focus, so that nothing moves away
 * under the hand; new rows come last until then.
 * @param rows as sorted now
 * @param by what the order depends on besides the rows: when it changes, rows move at once
 */
export function useHeldOrder<Row>(rows: readonly Row[], rowKey: (row: Row) => string, by: string) {
  const pointer = useRef(false);
  const focus = useRef(false);
  const shown = useRef<{ by: string; order: ReadonlyMap<string, number> }>({ by, order: new Map() });
  const { order, by: before } = shown.current;
  const held = by === before && (pointer.current || focus.current);
  const place = (row: Row): number => order.get(rowKey(row)) ?? order.size;
  const ordered = held ? [...rows].sort((a, b) => place(a) - place(b)) : rows;
  shown.current = { by, order: new Map(ordered.map((row, index) => [rowKey(row), index])) };
  return {
    ordered,
    /** For the element that holds the rows. */
    hold: {
      onPointerEnter: ({ pointerType }: PointerEvent) => {
        pointer.current = pointerType === 'mouse';
      },
      onPointerLeave: () => {
        pointer.current = false;
      },
      onFocus: () => {
        focus.current = true;
      },
      onBlur: ({ currentTarget, relatedTarget }: FocusEvent) => {
        focus.current = currentTarget.contains(relatedTarget);
      },
    },
  };
}
