import type { DeviceKind } from '../../../contract/device.ts';
import { type SampleColumn, sampleColumns } from '../../../contract/sample-frame.ts';

/** What a pod's counters turn into per second. `out` leaves the pod. */
export const rateFields = [
  'egressPackets',
  'ingressPackets',
  'egressBits',
  'ingressBits',
  'egressRedirectedPackets',
  'egressDroppedPackets',
  'ingressDroppedPackets',
  'dropMalformed',
  'dropUnknownProtocol',
  'dropSpoofedSource',
  'dropDenied',
  'dropFragment',
] as const;
export type RateField = (typeof rateFields)[number];

/** Rates over the last interval; NaN where there is no earlier sample to compare with. */
export type PodRates = Record<RateField, number> & { kind: DeviceKind; slot: number; time: number };

/** Totals since the pod was attached; they never go back. Requests are null where nobody counts them. */
export interface PodTotals {
  egressPackets: number;
  ingressPackets: number;
  egressBytes: number;
  ingressBytes: number;
  egressRedirectedPackets: number;
  egressDroppedPackets: number;
  ingressDroppedPackets: number;
  requestsOk: number | null;
  requestsFailed: number | null;
}

/** Field by field, oldest first, aligned with `times`; NaN where a sample is missing. */
export type PodHistory = Record<RateField, Float32Array> & {
  /** ms since the epoch */
  times: Float64Array;
  /** 0 netkit, 1 veth, NaN missing: the device that carried the packets. */
  kinds: Float32Array;
};

/** Where a column stands in a frame. */
export const columnIndex = Object.fromEntries(sampleColumns.map((name, index) => [name, index])) as Record<
  SampleColumn,
  number
>;

/** For each rate field the column it is the difference of, and what that is multiplied by. */
export const rateSources: readonly { column: number; factor: number }[] = rateFields.map((field) => {
  const counted = field === 'egressBits' ? 'egressBytes' : field === 'ingressBits' ? 'ingressBytes' : field;
  return { column: columnIndex[counted], factor: counted === field ? 1 : 8 };
});
