'use client';

import { type FocusEvent, type PointerEvent, useEffect, useRef, useState } from 'react';
import { onSample, samples } from '../../_lib/samples.ts';

const everySamples = 5;

/**
 * Counts up when the rows should be sorted anew: every fifth sample, but not while the pointer is over
 * them or one has the focus, so that nothing moves away under the hand.
 */
export function useOrder() {
  const [order, setOrder] = useState(0);
  const pointer = useRef(false);
  const focus = useRef(false);
  useEffect(() => {
    let since = 0;
    return onSample(() => {
      since += 1;
      // The second frame brings the first rates.
      const due = samples.version <= 2 || since >= everySamples;
      if (!due || pointer.current || focus.current) return;
      since = 0;
      setOrder((known) => known + 1);
    });
  }, []);
  return {
    order,
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
