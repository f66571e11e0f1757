'use client';

import { useEffect, useState } from 'react';
import { decodeFrame, frameKinds, noValue } from '../../../../contract/sample-frame.ts';
import { liveConnection } from '../../../_lib/live-connection.ts';

/** Requests that a pod's traffic finished between two frames; `time` is the end, ms since the epoch. */
export interface RequestTick {
  from: number;
  time: number;
  ok: number;
  failed: number;
}

/** At ten frames a second, half a minute. */
const kept = 300;

/** What the pod's own traffic counted between the frames of a watched pod; empty where nobody counts. */
export function useRequestTicks(pod: number): RequestTick[] {
  const [ticks, setTicks] = useState<RequestTick[]>([]);
  useEffect(() => {
    let before: { time: number; ok: bigint; failed: bigint } | null = null;
    return liveConnection().onFrame((buffer) => {
      const frame = decodeFrame(buffer);
      if (frame.kind !== frameKinds.watched) return;
      const row = frame.column('pod').indexOf(BigInt(pod));
      if (row < 0) return;
      const ok = frame.column('requestsOk')[row]!;
      const failed = frame.column('requestsFailed')[row]!;
      if (ok === noValue) return;
      const time = Number(frame.realtimeNs / 1_000_000n);
      const last = before;
      before = { time, ok, failed };
      if (last === null || time <= last.time || ok < last.ok) return;
      const tick = { from: last.time, time, ok: Number(ok - last.ok), failed: Number(failed - last.failed) };
      setTicks((known) => [...known.slice(1 - kept), tick]);
    });
  }, [pod]);
  return ticks;
}
