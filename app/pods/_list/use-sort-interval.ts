'use client';

import { useEffect, useState } from 'react';
import { useRowInteraction } from '../../_components/table/use-row-interaction.ts';
import { onSample, podSeries } from '../../_lib/time-series/store.ts';

const everySamples = 5;

/**
 * Counts up when the rows should be sorted anew: every fifth sample, but not while the pointer is over
 * them or one has the focus, so that nothing moves away under the hand.
 */
export function useSortInterval() {
  const [order, setOrder] = useState(0);
  const { held, hold } = useRowInteraction();
  useEffect(() => {
    let since = 0;
    return onSample(() => {
      since += 1;
      // The second frame brings the first rates.
      const due = podSeries.version <= 2 || since >= everySamples;
      if (!due || held()) return;
      since = 0;
      setOrder((known) => known + 1);
    });
  }, [held]);
  return { order, hold };
}
