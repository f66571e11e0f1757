'use client';

import { useMemo, useSyncExternalStore } from 'react';
import type { CounterRateName } from '../../../contract/counter-table.ts';
import type { NodeSample } from '../../../contract/node.ts';
import type { SampleFrameColumn } from '../../../contract/sample-frame.ts';
import { onHalfSecondTick } from '../use-current-time.ts';
import type { PodRates } from './pod-rates.ts';
import {
  getLastSampleFrameAge,
  getLastSampleFrameTiming,
  type LastSampleFrameTiming,
  nodeTimeSeries,
  onNodeSample,
  onSampleFrame,
  onSampleFrameOf,
  podTimeSeries,
  sampleStaleAfterMs,
  timeSeriesOf,
} from './sample-store.ts';

/** Returns a value that is read from the time series after every sample frame; renders again only if it differs. */
export function useTimeSeriesValue<T>(read: () => T, serverValue: T): T {
  return useSyncExternalStore(onSampleFrame, read, () => serverValue);
}

/** Returns the number of sample frames received; 0 before the first one. */
export const useSampleFrameCount = (): number => useTimeSeriesValue(() => podTimeSeries.version, 0);
/** Returns the sequence number and times of the last sample frame; null before the first one. */
export const useLastSampleFrameTiming = (): LastSampleFrameTiming | null =>
  useTimeSeriesValue(getLastSampleFrameTiming, null);

/** Returns the rates of a pod over the last second; null before its first sample, NaN before its second. */
export const usePodRates = (number: number): PodRates | null =>
  useTimeSeriesValue(() => podTimeSeries.rates(number), null);

/** Returns one rate of a pod; NaN if there is none. */
export const usePodRate = (number: number, name: CounterRateName): number =>
  usePodValue(number, () => timeSeriesOf(number).rate(number, name), Number.NaN);

/** Returns the number of sample frames received with a pod of this number. */
export const useSampleFrameCountOf = (number: number): number =>
  usePodValue(number, () => timeSeriesOf(number).version, 0);

/** Returns a value of a pod, Podlane's own or observed; renders again only if a sample changes it. */
function usePodValue<T>(number: number, read: () => T, serverValue: T): T {
  const subscribe = useMemo(() => onSampleFrameOf(number), [number]);
  return useSyncExternalStore(subscribe, read, () => serverValue);
}

/** Returns one total of a pod, counted since the pod was attached; NaN if the pod does not have the counter. */
export const usePodCounterTotal = (number: number, column: SampleFrameColumn): number =>
  useTimeSeriesValue(() => podTimeSeries.total(number, column), Number.NaN);

/** Returns the last node sample; null before the first. */
export const useNodeSample = (): NodeSample | null =>
  useSyncExternalStore(
    onNodeSample,
    () => nodeTimeSeries.latest?.sample ?? null,
    () => null,
  );

/** Returns true if samples have arrived, but none in the last three seconds. */
export const useSamplesAreStale = (): boolean =>
  useSyncExternalStore(
    onHalfSecondTick,
    () => (getLastSampleFrameAge() ?? 0) > sampleStaleAfterMs,
    () => false,
  );

/** Returns a function that says whether a pod is missing from the samples of the last three seconds. */
export function usePodsAreStale(pods: readonly { number: number }[]): (number: number) => boolean {
  const stale = useTimeSeriesValue(() => {
    const now = getLastSampleFrameTiming()?.time ?? 0;
    return pods
      .filter(({ number }) => {
        const time = timeSeriesOf(number).timeOf(number);
        return time > 0 && now - time > sampleStaleAfterMs;
      })
      .map(({ number }) => number)
      .join(' ');
  }, '');
  const numbers = new Set(stale.split(' '));
  return (number) => numbers.has(String(number));
}
