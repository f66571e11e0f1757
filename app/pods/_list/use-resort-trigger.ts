'use client';

import { useEffect, useState } from 'react';
import { onSampleFrame, podTimeSeries } from '../../_lib/time-series/sample-store.ts';

const sortEverySamples = 5;

/** Counts up with every fifth sample: the rows are to be sorted by their current rates. */
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
