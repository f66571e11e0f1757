import { counterDefinitions } from '../../contract/counter-table.ts';
import {
  encodeSampleFrameHeader,
  missingSampleFrameValue,
  podSampleFrameColumns,
  sampleFrameColumns,
  sampleFrameHeaderSize,
  sampleFrameKinds,
} from '../../contract/sample-frame.ts';
import { type CounterSample, type PodSample, readCounterValue } from '../counters/sample.ts';

const podCells: Record<(typeof podSampleFrameColumns)[number], (pod: PodSample) => bigint> = {
  pod: ({ pod }) => BigInt(pod),
  slot: ({ slot }) => BigInt(slot),
  kind: ({ kind }) => (kind === 'netkit' ? 0n : 1n),
};

/** Functions that return the value of each column for a pod, in the order of `sampleFrameColumns`. */
const cells = [
  ...podSampleFrameColumns.map((name) => podCells[name]),
  ...counterDefinitions.map(
    ({ name }) =>
      (pod: PodSample) =>
        readCounterValue(pod, name) ?? missingSampleFrameValue,
  ),
];

const frames = new WeakMap<CounterSample, Uint8Array>();

/** Encodes a sample as a binary frame (`contract/sample-frame.ts`). All subscribers share the returned buffer. */
export function encodeSampleFrame(sample: CounterSample): Uint8Array {
  const known = frames.get(sample);
  if (known !== undefined) return known;
  const frame = encodeFrame(sample);
  frames.set(sample, frame);
  return frame;
}

function encodeFrame({ scope, sequence, realtimeNs, monotonicNs, pods }: CounterSample): Uint8Array {
  const rows = pods.length;
  const buffer = new ArrayBuffer(sampleFrameHeaderSize + sampleFrameColumns.length * rows * 8);
  encodeSampleFrameHeader(new DataView(buffer), {
    kind: sampleFrameKinds[scope],
    rows,
    sequence,
    realtimeNs,
    monotonicNs,
    columns: sampleFrameColumns.length,
  });
  const values = new BigUint64Array(buffer, sampleFrameHeaderSize);
  for (const [column, cell] of cells.entries())
    for (const [row, pod] of pods.entries()) values[column * rows + row] = cell(pod);
  return new Uint8Array(buffer);
}
