import {
  encodeSampleFrameHeader,
  missingSampleFrameValue,
  type SampleFrameColumn,
  sampleFrameColumns,
  sampleFrameHeaderSize,
  sampleFrameKinds,
} from '../../../contract/sample-frame.ts';

/** A pod's row; what is left out is 0, requests are not counted. */
export type Row = Partial<Record<SampleFrameColumn, number>>;

/** A frame of all pods as the agent sends it, `second` seconds after boot. */
export function frameAt(second: number, rows: Row[], kind: number = sampleFrameKinds.all): ArrayBuffer {
  const buffer = new ArrayBuffer(sampleFrameHeaderSize + rows.length * sampleFrameColumns.length * 8);
  encodeSampleFrameHeader(new DataView(buffer), {
    kind,
    rows: rows.length,
    sequence: BigInt(Math.round(second)),
    realtimeNs: 1_700_000_000_000_000_000n + BigInt(Math.round(second * 1e9)),
    monotonicNs: BigInt(Math.round(second * 1e9)),
    columns: sampleFrameColumns.length,
  });
  for (const [index, name] of sampleFrameColumns.entries()) {
    const column = new BigUint64Array(buffer, sampleFrameHeaderSize + index * rows.length * 8, rows.length);
    for (const [i, row] of rows.entries()) {
      const value = row[name] ?? (name.startsWith('requests') ? null : 0);
      column[i] = value === null ? missingSampleFrameValue : BigInt(value);
    }
  }
  return buffer;
}
