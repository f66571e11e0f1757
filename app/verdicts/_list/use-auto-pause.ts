'use client';

import { type FocusEvent, type PointerEvent, useEffect, useState } from 'react';

/**
 * Whether a live list should stand still: while the pointer is over its rows, one of them has the focus, or
 * its begin is scrolled out of sight. Nothing moves away under the hand or the eye.
 */
export function useAutoPause() {
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
    /** For the element around the list. */
    hold: {
      onPointerEnter: ({ pointerType }: PointerEvent) => setPointer(pointerType === 'mouse'),
      onPointerLeave: () => setPointer(false),
      onFocus: () => setFocus(true),
      onBlur: ({ currentTarget, relatedTarget }: FocusEvent) =>
        setFocus(currentTarget.contains(relatedTarget)),
    },
  };
}
