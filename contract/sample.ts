/**
 * The binary sample frame: little endian, a 40-byte header, then `columns` columns of `rows` u64.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u16 | magic 0x4c50, "PL" |
 * | 2 | u8 | version, 1 |
 * | 3 | u8 | 1: all pods, 2: watched pods only |
 * | 4 | u32 | rows |
 * | 8 | u64 | sequence |
 * | 16 | u64 | ns since the epoch (CLOCK_REALTIME) |
 * | 24 | u64 | ns since boot (CLOCK_MONOTONIC); rates divide by this one's difference |
 * | 32 | u32 | columns |
 * | 36 | u32 | 0 |
 *
 * A reader takes the columns it knows and skips the rest: columns are only ever appended.
 */
export const frameMagic = 0x4c50;
export const frameVersion = 1;
export const frameHeaderBytes = 40;
export const frameKinds = { all: 1, watched: 2 } as const;

/** Reasons our programs drop for, in the order of the counters in `bpf/podlane.h`. */
export const dropReasons = ['malformed', 'unknown_protocol', 'spoofed_source', 'denied', 'fragment'] as const;
export type DropReason = (typeof dropReasons)[number];

/**
 * Totals of a pod since it was attached, over all the devices it has had: they never go back.
 * `out` leaves the pod. `kind`: 0 netkit, 1 veth. Bytes are of network packets, headers of layer 2 excluded.
 */
export const sampleColumns = [
  'pod',
  'slot',
  'kind',
  'packetsOut',
  'bytesOut',
  'packetsIn',
  'bytesIn',
  'redirectedOut',
  'droppedOut',
  'droppedIn',
  'requestsOk',
  'requestsFailed',
  'dropMalformed',
  'dropUnknownProtocol',
  'dropSpoofedSource',
  'dropDenied',
  'dropFragment',
] as const;
export type SampleColumn = (typeof sampleColumns)[number];

/** Where each reason's packets, of both directions, are counted. */
export const dropColumns = {
  malformed: 'dropMalformed',
  unknown_protocol: 'dropUnknownProtocol',
  spoofed_source: 'dropSpoofedSource',
  denied: 'dropDenied',
  fragment: 'dropFragment',
} as const satisfies Record<DropReason, SampleColumn>;

/** Column value for "nobody counts this". */
export const noValue = 2n ** 64n - 1n;

export interface FrameHeader {
  kind: number;
  rows: number;
  sequence: bigint;
  realtimeNs: bigint;
  monotonicNs: bigint;
  columns: number;
}

/** Writes the header into the first 40 bytes of `view`. */
export function encodeFrameHeader(view: DataView, header: FrameHeader): void {
  view.setUint16(0, frameMagic, true);
  view.setUint8(2, frameVersion);
  view.setUint8(3, header.kind);
  view.setUint32(4, header.rows, true);
  view.setBigUint64(8, header.sequence, true);
  view.setBigUint64(16, header.realtimeNs, true);
  view.setBigUint64(24, header.monotonicNs, true);
  view.setUint32(32, header.columns, true);
  view.setUint32(36, 0, true);
}

export interface Frame extends FrameHeader {
  /** One array per known column, `rows` long; a view of the frame, not a copy. */
  column(name: SampleColumn): BigUint64Array;
}

/**
 * Reads a frame that starts at byte 0 of `buffer`.
 * @throws RangeError when it is not a frame of a version we read, or is cut short
 */
export function decodeFrame(buffer: ArrayBuffer): Frame {
  if (buffer.byteLength < frameHeaderBytes) throw new RangeError('sample frame: shorter than its header');
  const view = new DataView(buffer);
  if (view.getUint16(0, true) !== frameMagic) throw new RangeError('sample frame: wrong magic');
  const version = view.getUint8(2);
  if (version !== frameVersion) throw new RangeError(`sample frame: version ${version}, not ${frameVersion}`);
  const rows = view.getUint32(4, true);
  const columns = view.getUint32(32, true);
  if (buffer.byteLength < frameHeaderBytes + rows * columns * 8)
    throw new RangeError('sample frame: cut short');
  if (columns < sampleColumns.length)
    throw new RangeError(`sample frame: ${columns} columns, not ${sampleColumns.length}`);
  return {
    kind: view.getUint8(3),
    rows,
    sequence: view.getBigUint64(8, true),
    realtimeNs: view.getBigUint64(16, true),
    monotonicNs: view.getBigUint64(24, true),
    columns,
    column(name) {
      const index = sampleColumns.indexOf(name);
      return new BigUint64Array(buffer, frameHeaderBytes + index * rows * 8, rows);
    },
  };
}
