'use client';

import { useSyncExternalStore } from 'react';
import type { CounterRateName } from '../../../contract/counters.ts';
import type { NodeSample } from '../../../contract/node.ts';
import type { SampleFrameColumn } from '../../../contract/sample-frame.ts';
import { onHalfSecondTick } from '../use-current-time.ts';
import type { PodRates } from './rates.ts';
import {
  getLastFrameAge,
  getLastFrameTiming,
  type LastFrameTiming,
  nodeTimeSeries,
  onNodeSample,
  onSampleFrame,
  podTimeSeries,
  sampleStaleAfterMs,
} from './sample-store.ts';

/** Reads a value from the store after every frame; renders only when the value differs. */
export function useTimeSeriesValue<T>(read: () => T, serverValue: T): T {
  return useSyncExternalStore(onSampleFrame, read, () => serverValue);
}

/** Number of frames received; 0 before the first. */
export const useFrameCount = (): number => useTimeSeriesValue(() => podTimeSeries.version, 0);
/** Clock of the last frame; null before the first. */
export const useLastFrameTiming = (): LastFrameTiming | null => useTimeSeriesValue(getLastFrameTiming, null);

/** Rates of a pod over the last second; null before its first sample, NaN before its second. */
export const usePodRates = (number: number): PodRates | null =>
  useTimeSeriesValue(() => podTimeSeries.rates(number), null);

/** One rate of a pod; NaN if there is none. */
export const usePodRate = (number: number, name: CounterRateName): number =>
  useTimeSeriesValue(() => podTimeSeries.rate(number, name), Number.NaN);

/** One total of a pod since it was attached; NaN if nobody counts it. */
export const usePodTotal = (number: number, column: SampleFrameColumn): number =>
  useTimeSeriesValue(() => podTimeSeries.total(number, column), Number.NaN);

/** The last node sample; null before the first. */
export const useNodeSample = (): NodeSample | null =>
  useSyncExternalStore(
    onNodeSample,
    () => nodeTimeSeries.latest?.sample ?? null,
    () => null,
  );

/** True if no sample has come for three seconds, after there was one. */
export const useSamplesAreStale = (): boolean =>
  useSyncExternalStore(
    onHalfSecondTick,
    () => (getLastFrameAge() ?? 0) > sampleStaleAfterMs,
    () => false,
  );

/** Returns a function that tells if a pod is missing from the samples of the last three seconds. */
export function usePodsAreStale(pods: readonly { number: number }[]): (number: number) => boolean {
  const stale = useTimeSeriesValue(() => {
    const now = getLastFrameTiming()?.time ?? 0;
    return pods
      .filter(({ number }) => {
        const time = podTimeSeries.timeOf(number);
        return time > 0 && now - time > sampleStaleAfterMs;
      })
      .map(({ number }) => number)
      .join(' ');
  }, '');
  const numbers = new Set(stale.split(' '));
  return (number) => numbers.has(String(number));
}
