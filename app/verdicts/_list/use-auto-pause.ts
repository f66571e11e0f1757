'use client';

import { type FocusEvent, type PointerEvent, useEffect, useState } from 'react';

/**
 * Tells if a live list should pause: while the pointer is over its rows, one of them has the focus, or the
 * top is scrolled out of view. Rows do not move while they are being read.
 */
export function usePauseWhileReading() {
  const [pointer, setPointer] = useState(false);
  const [focus, setFocus] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  useEffect(() => {
    const look = () => setScrolled(scrollY > 40);
    look();
    addEventListener('scroll', look, { passive: true });
    return () => removeEventListener('scroll', look);
  }, []);
  return {
    held: pointer || focus || scrolled,
    scrolled,
    /** Handlers for the element around the list. */
    hold: {
      onPointerEnter: ({ pointerType }: PointerEvent) => setPointer(pointerType === 'mouse'),
      onPointerLeave: () => setPointer(false),
      onFocus: () => setFocus(true),
      onBlur: ({ currentTarget, relatedTarget }: FocusEvent) =>
        setFocus(currentTarget.contains(relatedTarget)),
    },
  };
}
