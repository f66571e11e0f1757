'use client';

import { useEffect, useState } from 'react';
import type { Pod } from '../../../../contract/pod.ts';
import {
  decodeSampleFrame,
  missingSampleFrameValue,
  sampleFrameKinds,
} from '../../../../contract/sample-frame.ts';
import { getLiveConnection } from '../../../_lib/live-connection.ts';

/** Number of requests that a pod's test traffic completed between two sample frames; times in ms since the epoch. */
export interface RequestCountTick {
  from: number;
  time: number;
  ok: number;
  failed: number;
}

const framesPerSecond = 10;
/** Maximum number of request counts kept: those of half a minute, at ten a second. */
const maxTicks = 300;

/**
 * Returns the requests that a pod's own traffic completed between frames, ten times a second while `watched`; empty if
 * they are not counted.
 * @param pod id and number of the pod
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
      if (ok === undefined || failed === undefined || ok === missingSampleFrameValue) return;
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
