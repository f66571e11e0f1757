import {
  encodeFrameHeader,
  type FrameColumn,
  frameColumns,
  frameHeaderBytes,
  frameKinds,
  noValue,
} from '../../../contract/sample-frame.ts';

/** A pod's row; what is left out is 0, requests are not counted. */
export type Row = Partial<Record<FrameColumn, number>>;

/** A frame of all pods as the agent sends it, `second` seconds after boot. */
export function frameAt(second: number, rows: Row[], kind: number = frameKinds.all): ArrayBuffer {
  const buffer = new ArrayBuffer(frameHeaderBytes + rows.length * frameColumns.length * 8);
  encodeFrameHeader(new DataView(buffer), {
    kind,
    rows: rows.length,
    sequence: BigInt(Math.round(second)),
    realtimeNs: 1_700_000_000_000_000_000n + BigInt(Math.round(second * 1e9)),
    monotonicNs: BigInt(Math.round(second * 1e9)),
    columns: frameColumns.length,
  });
  for (const [index, name] of frameColumns.entries()) {
    const column = new BigUint64Array(buffer, frameHeaderBytes + index * rows.length * 8, rows.length);
    for (const [i, row] of rows.entries()) {
      const value = row[name] ?? (name.startsWith('requests') ? null : 0);
      column[i] = value === null ? noValue : BigInt(value);
    }
  }
  return buffer;
}
