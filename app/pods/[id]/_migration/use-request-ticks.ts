'use client';

import { useEffect, useState } from 'react';
import type { Pod } from '../../../../contract/pod.ts';
import { decodeSampleFrame, missingFrameValue, sampleFrameKinds } from '../../../../contract/sample-frame.ts';
import { getLiveConnection } from '../../../_lib/live-connection.ts';

/** Requests that a pod's traffic completed between the times of two frames, ms since the epoch. */
export interface RequestCountTick {
  from: number;
  time: number;
  ok: number;
  failed: number;
}

const framesPerSecond = 10;
/** Ticks of half a minute. */
const maxTicks = 300;

/**
 * Requests that the pod's own traffic counted between frames, ten a second while `watched`; empty if nobody counts them.
 * @param pod its id and number
 */
export function usePodRequestTicks(
  { id, number }: Pick<Pod, 'id' | 'number'>,
  watched: boolean,
): RequestCountTick[] {
  const [ticks, setTicks] = useState<RequestCountTick[]>([]);
  useEffect(() => {
    if (watched) return getLiveConnection().subscribe({ topic: 'pod', pod: id, hz: framesPerSecond });
    return undefined;
  }, [id, watched]);
  useEffect(() => {
    let before: { time: number; ok: bigint; failed: bigint } | null = null;
    return getLiveConnection().onFrame((buffer) => {
      const frame = decodeSampleFrame(buffer);
      if (frame.kind !== sampleFrameKinds.watched) return;
      const row = frame.column('pod').indexOf(BigInt(number));
      if (row < 0) return;
      const ok = frame.column('requestsOk')[row];
      const failed = frame.column('requestsFailed')[row];
      if (ok === undefined || failed === undefined || ok === missingFrameValue) return;
      const time = Number(frame.realtimeNs / 1_000_000n);
      const last = before;
      before = { time, ok, failed };
      if (last === null || time <= last.time || ok < last.ok) return;
      const tick = { from: last.time, time, ok: Number(ok - last.ok), failed: Number(failed - last.failed) };
      setTicks((known) => [...known.slice(1 - maxTicks), tick]);
    });
  }, [number]);
  return ticks;
}
