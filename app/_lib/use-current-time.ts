'use client';

import { useSyncExternalStore } from 'react';

let now = 0;
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

/** Calls `listener` every half second. @returns a function that stops the calls */
export function onHalfSecondTick(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 500);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Returns the time of the last half-second tick, because React requires the same value until the next one. */
function lastTick(): number {
  if (now === 0) now = Date.now();
  return now;
}

/** Returns the current time in ms since the epoch, updated every half second; 0 on the server. */
export const useCurrentTime = (): number => useSyncExternalStore(onHalfSecondTick, lastTick, () => 0);
