import {
  dropColumns,
  dropReasons,
  encodeFrameHeader,
  frameHeaderBytes,
  frameKinds,
  noValue,
  type SampleColumn,
  sampleColumns,
} from '../../contract/sample-frame.ts';
import { counterFields, counterIndex } from '../bpf/counter-layout.ts';
import type { SlotReader } from '../counters/slot-reader.ts';
import type { SampledPod } from '../datapath/datapath.ts';

export interface FrameClock {
  sequence: bigint;
  realtimeNs: bigint;
  monotonicNs: bigint;
}

const width = counterFields.length;
const place = Object.fromEntries(sampleColumns.map((name, i) => [name, i])) as Record<SampleColumn, number>;

/**
 * A sample of `pods` (`contract/sample-frame.ts`): what live devices counted, on top of what was carried from removed
 * ones.
 */
export function encodeFrame(
  kind: keyof typeof frameKinds,
  pods: readonly SampledPod[],
  read: SlotReader,
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

  const totals = new BigUint64Array(width);
  pods.forEach((pod, row) => {
    for (let i = 0; i < width; i += 1) totals[i] = pod.carried[i] ?? 0n;
    for (const slot of pod.slots) read(slot, totals);
    const put = (column: SampleColumn, value: bigint): void => {
      columns[place[column] * rows + row] = value;
    };
    put('pod', BigInt(pod.number));
    put('slot', BigInt(pod.slots.at(-1) ?? 0));
    put('kind', pod.kind === 'netkit' ? 0n : 1n);
    put('packetsOut', totals[counterIndex.packetsOut]!);
    put('bytesOut', totals[counterIndex.bytesOut]!);
    put('packetsIn', totals[counterIndex.packetsIn]!);
    put('bytesIn', totals[counterIndex.bytesIn]!);
    put('redirectedOut', totals[counterIndex.redirectedPacketsOut]!);
    put('requestsOk', pod.requests ? BigInt(pod.requests.ok) : noValue);
    put('requestsFailed', pod.requests ? BigInt(pod.requests.failed) : noValue);
    put('droppedOut', totals[counterIndex.droppedPacketsOut]!);
    put('droppedIn', totals[counterIndex.droppedPacketsIn]!);
    dropReasons.forEach((reason, i) => {
      put(dropColumns[reason], totals[counterIndex.droppedOut + i]! + totals[counterIndex.droppedIn + i]!);
    });
  });
  return new Uint8Array(buffer);
}
