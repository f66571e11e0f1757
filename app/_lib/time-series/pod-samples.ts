'use client';

import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { Problem } from '../../../contract/problem.ts';
import { decodeFrame, frameKinds, type SampleColumn } from '../../../contract/sample-frame.ts';
import { liveConnection } from '../live-connection.ts';
import { createPodSeries } from './pod-series.ts';
import type { PodHistory, PodRates, PodTotals, RateField } from './rates.ts';

export type { PodHistory, PodRates, PodTotals, RateField } from './rates.ts';

/** All pods at 1 Hz, seven minutes. */
export const podSeries = createPodSeries({ capacity: 420, periodMs: 1000 });
/** Watched pods at 10 Hz, one minute. */
export const watched = createPodSeries({ capacity: 600, periodMs: 100 });

/** The last frame of all pods: when it was read, when it came, and how many were left out for this client. */
export interface SampleClock {
  sequence: number;
  /** On the node, ms since the epoch. */
  time: number;
  /** Here, ms since the epoch. */
  receivedAt: number;
  skipped: number;
}

let sampleClock: SampleClock | null = null;
let skipped = 0;
const listeners = new Set<() => void>();
const watchListeners = new Set<() => void>();

/** No sample for this long: what is shown is old and says so. */
export const staleAfterMs = 3000;

function receive(buffer: ArrayBuffer): void {
  const frame = decodeFrame(buffer);
  if (frame.kind === frameKinds.watched) {
    if (watched.push(frame)) for (const listener of watchListeners) listener();
    return;
  }
  if (!podSeries.push(frame)) return;
  sampleClock = {
    sequence: Number(frame.sequence),
    time: Number(frame.realtimeNs / 1_000_000n),
    receivedAt: Date.now(),
    skipped,
  };
  for (const listener of listeners) listener();
}

/** Starts taking frames from the stream, once for the tab; gives back what stops it. */
export function startPodSampleUpdates(): () => void {
  const stream = liveConnection();
  const stops = [
    stream.onFrame(receive),
    stream.onMessage((message) => {
      if (message.type === 'skipped') skipped += message.count;
    }),
    stream.subscribe({ topic: 'samples' }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function listenTo(set: Set<() => void>) {
  return (listener: () => void) => {
    set.add(listener);
    return () => {
      set.delete(listener);
    };
  };
}
export const onSample = listenTo(listeners);
const onWatched = listenTo(watchListeners);

/** Anything read out of `samples`, again with every frame; renders only when the value differs. */
export function useSamples<T>(read: () => T, before: T): T {
  return useSyncExternalStore(onSample, read, () => before);
}

/** Grows by one with every frame of all pods; 0 before the first. */
export const useSampleVersion = (): number => useSamples(() => podSeries.version, 0);
export const useSampleClock = (): SampleClock | null => useSamples(() => sampleClock, null);

/** Rates of a pod over the last second; null before its first sample, NaN before its second. */
export const usePodRates = (number: number): PodRates | null =>
  useSamples(() => podSeries.rates(number), null);

/** One rate; NaN when there is none. */
export const usePodRate = (number: number, field: RateField): number =>
  useSamples(() => podSeries.rate(number, field), Number.NaN);

/** One total since the pod was attached; NaN when nobody counts it. */
export const usePodTotal = (number: number, column: SampleColumn): number =>
  useSamples(() => podSeries.total(number, column), Number.NaN);

export function usePodTotals(number: number): PodTotals | null {
  const version = useSampleVersion();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the timeline is new with every version
  return useMemo(() => podSeries.totals(number), [number, version]);
}

/** The last `points` seconds of a pod, oldest first; NaN where a sample is missing. */
export function usePodHistory(number: number, points = 300): PodHistory {
  const version = useSampleVersion();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the timeline is new with every version
  return useMemo(() => podSeries.history(number, points), [number, points, version]);
}

/** Asks for frames of one pod at `hz` as long as the component stands. Gives why the agent refused. */
export function useWatchPod(id: string | undefined, hz = 10): Problem | null {
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    if (id === undefined) return;
    setProblem(null);
    return liveConnection().subscribe({ topic: 'pod', pod: id, hz }, setProblem);
  }, [id, hz]);
  return problem;
}

/**
 * Rates of a watched pod as the mean of the last second, again with each of its frames; those of the
 * 1 Hz sample while none come.
 */
export function useWatchedRates(number: number): PodRates | null {
  const version = useSyncExternalStore(
    onWatched,
    () => watched.version,
    () => 0,
  );
  const slow = usePodRates(number);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the timeline is new with every version
  return useMemo(() => {
    const latest = watched.rates(number);
    if (latest === null || (slow !== null && latest.time < slow.time - 1000)) return slow;
    return { ...latest, ...watched.means(number, 10) };
  }, [number, slow, version]);
}

let now = 0;
let ticking: ReturnType<typeof setInterval> | undefined;
const tickListeners = new Set<() => void>();

function onTick(listener: () => void): () => void {
  tickListeners.add(listener);
  ticking ??= setInterval(() => {
    now = Date.now();
    for (const tick of tickListeners) tick();
  }, 500);
  return () => {
    tickListeners.delete(listener);
    if (tickListeners.size > 0) return;
    clearInterval(ticking);
    ticking = undefined;
  };
}

/** The last tick's time. It must not change between ticks: React reads it again after each render. */
function lastTick(): number {
  if (now === 0) now = Date.now();
  return now;
}

/** The time now, ms since the epoch, every half second; 0 on the server. */
export const useNow = (): number => useSyncExternalStore(onTick, lastTick, () => 0);

/** Age of the last sample in ms, every half second; null before the first one. */
export function sampleAge(): number | null {
  return sampleClock === null ? null : Math.max(0, Date.now() - sampleClock.receivedAt);
}

/** Whether no sample has come for three seconds, after there was one. */
export const useStale = (): boolean =>
  useSyncExternalStore(
    onTick,
    () => (sampleAge() ?? 0) > staleAfterMs,
    () => false,
  );

/** Whether this pod is missing from the samples that come. */
export const usePodStale = (number: number): boolean =>
  useSamples(() => {
    const time = podSeries.timeOf(number);
    return time > 0 && sampleClock !== null && sampleClock.time - time > staleAfterMs;
  }, false);
