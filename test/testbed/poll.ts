import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two looks, at least. */
const leastPauseMs = 20;
/** How much longer a pause is than the look before it: looking has to leave the agent its time, also when it is slow. */
const pauseFactor = 5;

/** Looks until `isDone` of what was seen, and returns that. Pauses longer where a look takes longer. */
export async function pollUntil<T>(look: () => Promise<T>, isDone: (seen: T) => boolean): Promise<T> {
  for (;;) {
    const begun = performance.now();
    const seen = await look();
    if (isDone(seen)) return seen;
    await sleep(Math.max(leastPauseMs, pauseFactor * (performance.now() - begun)));
  }
}
