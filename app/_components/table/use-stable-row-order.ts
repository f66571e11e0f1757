'use client';

import { type FocusEvent, type PointerEvent, useState } from 'react';

interface Held {
  /** Sort column and direction of the table when the row order was captured. */
  by: string;
  positions: ReadonlyMap<string, number>;
}

/**
 * Keeps the order of rows while the pointer is over the rows or one has the focus, so that no row moves away under the
 * pointer. Until then, new rows come last.
 * @param rows rows sorted by their current values
 * @param by sort column and direction; if it changes, the rows move at once
 * @returns the rows in the order to show, and event handlers for the element that contains the rows
 */
export function useStableRowOrder<Row>(rows: readonly Row[], rowKey: (row: Row) => string, by: string) {
  const [hovered, setHovered] = useState(false);
  const [focused, setFocused] = useState(false);
  const [held, setHeld] = useState<Held | null>(null);
  const capture = (shown: readonly Row[]): Held => ({
    by,
    positions: new Map(shown.map((row, index) => [rowKey(row), index])),
  });
  // Adjusts state while rendering, as React documents it, instead of showing the outdated order for one frame.
  if (held !== null && held.by !== by) setHeld(capture(rows));
  const positions = held?.by === by ? held.positions : null;
  const position = (row: Row): number => positions?.get(rowKey(row)) ?? positions?.size ?? 0;
  const ordered = positions === null ? rows : [...rows].sort((a, b) => position(a) - position(b));
  const update = (isHovered: boolean, isFocused: boolean): void => {
    setHovered(isHovered);
    setFocused(isFocused);
    if (!isHovered && !isFocused) setHeld(null);
    else if (held === null) setHeld(capture(ordered));
  };
  return {
    ordered,
    handlers: {
      onPointerEnter: ({ pointerType }: PointerEvent) => update(pointerType === 'mouse', focused),
      onPointerLeave: () => update(false, focused),
      onFocus: () => update(hovered, true),
      onBlur: ({ currentTarget, relatedTarget }: FocusEvent) =>
        update(hovered, currentTarget.contains(relatedTarget)),
    },
  };
}
