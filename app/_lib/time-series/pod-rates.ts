import { type CounterRateName, counterDefinitions } from '../../../contract/counter-table.ts';
import type { DeviceKind } from '../../../contract/device.ts';
import { type SampleFrameColumn, sampleFrameColumns } from '../../../contract/sample-frame.ts';

/** Names of the per-second rates that are derived from a pod's counters. */
export const podRateNames: readonly CounterRateName[] = [
  ...new Set(counterDefinitions.flatMap(({ rate }) => (rate === undefined ? [] : [rate]))),
];

/** Index of each rate in `podRateNames`. */
export const podRateIndex = Object.fromEntries(podRateNames.map((name, index) => [name, index])) as Record<
  CounterRateName,
  number
>;

/** Index of each column of a sample frame, by column name. */
export const sampleFrameColumnIndex = Object.fromEntries(
  sampleFrameColumns.map((name, index) => [name, index]),
) as Record<SampleFrameColumn, number>;

/**
 * For each rate, the frame columns whose increases are summed, and the factor applied to the sum, e.g. 8 bits per
 * byte.
 */
export const podRateSourceColumns: readonly { columns: readonly number[]; factor: number }[] =
  podRateNames.map((name) => {
    const sources = counterDefinitions.filter(({ rate }) => rate === name);
    return {
      columns: sources.map((counter) => sampleFrameColumnIndex[counter.name]),
      factor: sources.some(({ unit }) => unit === 'bytes') ? 8 : 1,
    };
  });

/** A pod's rates over the last sample interval; NaN before the second sample. */
export interface PodRates extends Record<CounterRateName, number> {
  kind: DeviceKind;
  /** Time of the sample, ms since the epoch. */
  time: number;
}

/** A pod's rates over time, oldest first, aligned with `times`; NaN where a sample is missing. */
export interface PodRateHistory extends Record<CounterRateName, Float32Array> {
  /** Times of the samples, ms since the epoch. */
  times: Float64Array;
  /** Kind of the device that carried the packets: 0 netkit, 1 veth. */
  kinds: Float32Array;
}
