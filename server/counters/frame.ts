import type { DeviceKind } from '../../contract/device.ts';
import {
  dropReasons,
  encodeFrameHeader,
  frameHeaderBytes,
  frameKinds,
  noValue,
  type SampleColumn,
  sampleColumns,
} from '../../contract/sample.ts';
import type { CounterMap } from '../bpf/counters.ts';
import { counterFields, field, sweptFields } from './fields.ts';

/** What of a pod goes into a sample. `slots`: its live devices, the one that carries its traffic last. */
export interface SampledPod {
  id: string;
  number: number;
  slots: readonly number[];
  kind: DeviceKind;
  /** Sums of its removed devices, in the order of `counterFields`. */
  carried: readonly bigint[];
  requests: { ok: number; failed: number } | null;
}

export interface FrameClock {
  sequence: bigint;
  realtimeNs: bigint;
  monotonicNs: bigint;
}

const width = counterFields.length;
const place = Object.fromEntries(sampleColumns.map((name, i) => [name, i])) as Record<SampleColumn, number>;
const reasonColumns: readonly SampleColumn[] = ['dropMalformed', 'dropUnknownProtocol', 'dropSpoofedSource'];

/**
 * Reads the counters of `pods` in one sweep and encodes them (`contract/sample.ts`): what live devices counted
 * on top of what was carried from removed ones.
 */
export function encodeFrame(
  kind: keyof typeof frameKinds,
  pods: readonly SampledPod[],
  counters: Pick<CounterMap, 'sweep' | 'read'>,
  clock: FrameClock,
): Uint8Array<ArrayBuffer> {
  const rows = pods.length;
  const buffer = new ArrayBuffer(frameHeaderBytes + sampleColumns.length * rows * 8);
  encodeFrameHeader(new DataView(buffer), {
    ...clock,
    kind: frameKinds[kind],
    rows,
    columns: sampleColumns.length,
  });
  const columns = new BigUint64Array(buffer, frameHeaderBytes);
  const slots = Uint32Array.from(pods.flatMap((pod) => pod.slots));
  const swept = new BigUint64Array(slots.length * sweptFields);
  counters.sweep(slots, swept);

  const totals = new BigUint64Array(width);
  let next = 0;
  pods.forEach((pod, row) => {
    for (let i = 0; i < width; i += 1) totals[i] = pod.carried[i] ?? 0n;
    for (const slot of pod.slots) {
      const dropped = swept[next + field.droppedPacketsOut]! + swept[next + field.droppedPacketsIn]!;
      const reasons = dropped > 0n ? counters.read(slot) : null;
      for (let i = 0; i < sweptFields; i += 1) totals[i] = totals[i]! + swept[next + i]!;
      if (reasons) for (let i = sweptFields; i < width; i += 1) totals[i] = totals[i]! + reasons[i]!;
      next += sweptFields;
    }
    const put = (column: SampleColumn, value: bigint): void => {
      columns[place[column] * rows + row] = value;
    };
    put('pod', BigInt(pod.number));
    put('slot', BigInt(pod.slots.at(-1) ?? 0));
    put('kind', pod.kind === 'netkit' ? 0n : 1n);
    put('packetsOut', totals[field.packetsOut]!);
    put('bytesOut', totals[field.bytesOut]!);
    put('packetsIn', totals[field.packetsIn]!);
    put('bytesIn', totals[field.bytesIn]!);
    put('redirectedOut', totals[field.redirectedPacketsOut]!);
    put('requestsOk', pod.requests ? BigInt(pod.requests.ok) : noValue);
    put('requestsFailed', pod.requests ? BigInt(pod.requests.failed) : noValue);
    put('droppedOut', totals[field.droppedPacketsOut]!);
    put('droppedIn', totals[field.droppedPacketsIn]!);
    dropReasons.forEach((_, i) => {
      put(reasonColumns[i]!, totals[field.droppedOut + i]! + totals[field.droppedIn + i]!);
    });
  });
  return new Uint8Array(buffer);
}
