'use client';

import { type FocusEvent, type PointerEvent, useCallback, useRef } from 'react';

/** Knows when rows must stay where they are: the pointer is over them or one has the focus. */
export function useRowInteraction() {
  const pointer = useRef(false);
  const focus = useRef(false);
  return {
    held: useCallback(() => pointer.current || focus.current, []),
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
