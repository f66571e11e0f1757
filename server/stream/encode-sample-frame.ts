import { counterDefinitions } from '../../contract/counter-table.ts';
import {
  encodeSampleFrameHeader,
  missingSampleFrameValue,
  podSampleFrameColumns,
  sampleFrameColumns,
  sampleFrameHeaderSize,
  sampleFrameKinds,
} from '../../contract/sample-frame.ts';
import {
  type CounterSample,
  findCounterIndex,
  type PodSample,
  readCounterValue,
} from '../counters/sample.ts';

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
/** Place of each column in a sample's counters; undefined for columns that are computed by `cells`. */
const counterIndexes = [
  ...podSampleFrameColumns.map(() => undefined),
  ...counterDefinitions.map(({ name }) => findCounterIndex(name)),
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
  for (const [column, cell] of cells.entries()) {
    const index = counterIndexes[column];
    if (index !== undefined) copyCounters(pods, index, values, column * rows);
    else for (const [row, pod] of pods.entries()) values[column * rows + row] = cell(pod);
  }
  return new Uint8Array(buffer);
}

/** Copies one counter of all pods to consecutive places, by loads and stores of 64 bits that allocate no bigint. */
function copyCounters(pods: readonly PodSample[], index: number, to: BigUint64Array, from: number): void {
  let at = from;
  for (const { counters } of pods) {
    to[at] = counters[index] ?? 0n;
    at += 1;
  }
}
