import type { WayTaken } from '../../contract/path.ts';
import { decodeFrame, type Frame } from '../../contract/sample.ts';

/** Which way the packets of pod `number` took between two sample frames; null where one of them has no such pod. */
export function wayTaken(before: Uint8Array, after: Uint8Array, number: number): WayTaken | null {
  const frames = [before, after].map((bytes) => decodeFrame(new Uint8Array(bytes).buffer)) as [Frame, Frame];
  const rows = frames.map((frame) => frame.column('pod').indexOf(BigInt(number)));
  if (rows.includes(-1)) return null;
  const grown = (name: Parameters<Frame['column']>[0]): number =>
    Number(frames[1].column(name)[rows[1]!]! - frames[0].column(name)[rows[0]!]!);
  const redirected = grown('redirectedOut');
  return {
    seconds: Number(frames[1].monotonicNs - frames[0].monotonicNs) / 1e9,
    redirected,
    toHost: grown('packetsOut') - redirected,
    dropped: grown('droppedOut'),
  };
}
