import { counters } from '../../contract/counters.ts';
import {
  encodeFrameHeader,
  frameColumns,
  frameHeaderBytes,
  frameKinds,
  noValue,
  podColumns,
} from '../../contract/sample-frame.ts';
import { counterValue, type PodSample, type Sample } from '../counters/sample.ts';

const podCells: Record<(typeof podColumns)[number], (pod: PodSample) => bigint> = {
  pod: ({ pod }) => BigInt(pod),
  slot: ({ slot }) => BigInt(slot),
  kind: ({ kind }) => (kind === 'netkit' ? 0n : 1n),
};

/** Functions that return a pod's value of each column, in the order of `frameColumns`. */
const cells = [
  ...podColumns.map((name) => podCells[name]),
  ...counters.map(
    ({ name }) =>
      (pod: PodSample) =>
        counterValue(pod, name) ?? noValue,
  ),
];

const frames = new WeakMap<Sample, Uint8Array>();

/** Returns the binary frame of a sample (`contract/sample-frame.ts`). All subscribers share one buffer. */
export function frameOf(sample: Sample): Uint8Array {
  const known = frames.get(sample);
  if (known !== undefined) return known;
  const frame = encodeFrame(sample);
  frames.set(sample, frame);
  return frame;
}

function encodeFrame({ scope, sequence, realtimeNs, monotonicNs, pods }: Sample): Uint8Array {
  const rows = pods.length;
  const buffer = new ArrayBuffer(frameHeaderBytes + frameColumns.length * rows * 8);
  encodeFrameHeader(new DataView(buffer), {
    kind: frameKinds[scope],
    rows,
    sequence,
    realtimeNs,
    monotonicNs,
    columns: frameColumns.length,
  });
  const values = new BigUint64Array(buffer, frameHeaderBytes);
  for (const [column, cell] of cells.entries())
    for (const [row, pod] of pods.entries()) values[column * rows + row] = cell(pod);
  return new Uint8Array(buffer);
}
