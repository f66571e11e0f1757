'use client';

import { useEffect, useState } from 'react';
import { onSampleFrame, podTimeSeries } from '../../_lib/time-series/sample-store.ts';

const sortEverySamples = 5;

/** Returns a number that increases with every fifth sample, which is when rows are sorted by their current rates. */
export function useResortTrigger(): number {
  const [interval, setInterval] = useState(0);
  useEffect(() => {
    let samples = 0;
    return onSampleFrame(() => {
      samples += 1;
      // The second frame brings the first rates.
      if (podTimeSeries.version > 2 && samples < sortEverySamples) return;
      samples = 0;
      setInterval((before) => before + 1);
    });
  }, []);
  return interval;
}
