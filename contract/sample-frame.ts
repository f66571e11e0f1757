import { type CounterName, counterDefinitions } from './counter-table.ts';

/**
 * Layout of the binary sample frame: little endian, a 40-byte header, then `columns` columns of `rows` u64.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u16 | magic 0x4c50, "PL" |
 * | 2 | u8 | version, 2 |
 * | 3 | u8 | 1: all pods, 2: watched pods only, 3: observed pods |
 * | 4 | u32 | rows |
 * | 8 | u64 | sequence |
 * | 16 | u64 | ns since the epoch (CLOCK_REALTIME) |
 * | 24 | u64 | ns since boot (CLOCK_MONOTONIC); rates divide by this one's difference |
 * | 32 | u32 | columns |
 * | 36 | u32 | 0 |
 *
 * A reader takes the columns it knows and ignores further ones: columns are only appended, as a new drop reason does.
 * Any other change of the columns needs a new version.
 */
export const sampleFrameMagic = 0x4c50;
export const sampleFrameVersion = 2;
export const sampleFrameHeaderSize = 40;
export const sampleFrameKinds = { all: 1, watched: 2, observed: 3 } as const;

/** Columns of a pod in a sample frame: pod number, slot of its device, and device kind (0 netkit, 1 veth). */
export const podSampleFrameColumns = ['pod', 'slot', 'kind'] as const;
/** Columns of a sample frame: the pod's columns, then the counters (`counter-table.ts`). */
export const sampleFrameColumns: readonly SampleFrameColumn[] = [
  ...podSampleFrameColumns,
  ...counterDefinitions.map(({ name }) => name),
];
export type SampleFrameColumn = (typeof podSampleFrameColumns)[number] | CounterName;

/** Value in a sample frame for a counter that does not exist for the pod. */
export const missingSampleFrameValue = 2n ** 64n - 1n;

export interface SampleFrameHeader {
  kind: number;
  rows: number;
  sequence: bigint;
  realtimeNs: bigint;
  monotonicNs: bigint;
  columns: number;
}

/** Encodes a sample frame header into the first 40 bytes of `view`. */
export function encodeSampleFrameHeader(view: DataView, header: SampleFrameHeader): void {
  view.setUint16(0, sampleFrameMagic, true);
  view.setUint8(2, sampleFrameVersion);
  view.setUint8(3, header.kind);
  view.setUint32(4, header.rows, true);
  view.setBigUint64(8, header.sequence, true);
  view.setBigUint64(16, header.realtimeNs, true);
  view.setBigUint64(24, header.monotonicNs, true);
  view.setUint32(32, header.columns, true);
  view.setUint32(36, 0, true);
}

export interface SampleFrame extends SampleFrameHeader {
  /** Returns a column of `rows` values as a view of the frame, not a copy. */
  column(name: SampleFrameColumn): BigUint64Array;
}

/**
 * Decodes the frame that starts at byte 0 of `buffer`.
 * @throws RangeError if it is no frame, has another version, or is truncated
 */
export function decodeSampleFrame(buffer: ArrayBuffer): SampleFrame {
  if (buffer.byteLength < sampleFrameHeaderSize)
    throw new RangeError('sample frame: shorter than its header');
  const view = new DataView(buffer);
  if (view.getUint16(0, true) !== sampleFrameMagic) throw new RangeError('sample frame: wrong magic');
  const version = view.getUint8(2);
  if (version !== sampleFrameVersion)
    throw new RangeError(`sample frame: version ${version}, not ${sampleFrameVersion}`);
  const rows = view.getUint32(4, true);
  const columns = view.getUint32(32, true);
  if (buffer.byteLength < sampleFrameHeaderSize + rows * columns * 8)
    throw new RangeError('sample frame: truncated');
  if (columns < sampleFrameColumns.length)
    throw new RangeError(`sample frame: ${columns} columns, not ${sampleFrameColumns.length}`);
  return {
    kind: view.getUint8(3),
    rows,
    sequence: view.getBigUint64(8, true),
    realtimeNs: view.getBigUint64(16, true),
    monotonicNs: view.getBigUint64(24, true),
    columns,
    column(name) {
      const index = sampleFrameColumns.indexOf(name);
      return new BigUint64Array(buffer, sampleFrameHeaderSize + index * rows * 8, rows);
    },
  };
}
