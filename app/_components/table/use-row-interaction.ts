'use client';

import { type FocusEvent, type PointerEvent, useCallback, useRef } from 'react';

/** Tracks if the pointer is over rows or one of them has the focus; `held` tells if they must not move. */
export function useRowInteraction() {
  const pointer = useRef(false);
  const focus = useRef(false);
  return {
    held: useCallback(() => pointer.current || focus.current, []),
    /** Handlers for the element that contains the rows. */
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
