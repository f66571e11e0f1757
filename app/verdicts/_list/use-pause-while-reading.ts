'use client';

import { type FocusEvent, type PointerEvent, useEffect, useState } from 'react';

/**
 * Returns whether a live list should pause because it is being read: the pointer is over its rows, a row has the
 * focus, or the top of the list is scrolled out of view.
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
    /** Event handlers of the element around the list, which tell when the list is being read. */
    hold: {
      onPointerEnter: ({ pointerType }: PointerEvent) => setPointer(pointerType === 'mouse'),
      onPointerLeave: () => setPointer(false),
      onFocus: () => setFocus(true),
      onBlur: ({ currentTarget, relatedTarget }: FocusEvent) =>
        setFocus(currentTarget.contains(relatedTarget)),
    },
  };
}
