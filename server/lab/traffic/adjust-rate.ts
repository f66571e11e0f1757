/** Minimum load of the lab's traffic, as a fraction of the full load. */
export const minLabLoadRate = 0.02;

/**
 * Returns the next factor of the full load from the CPU use of the last interval, so that the lab's requests never wait
 * for the lab's own traffic.
 * @param rate factor of the last interval, up to 1
 * @param cpu cores that it used
 * @param budget cores that it may use
 */
export function adjustLabLoadRate(rate: number, cpu: number, budget: number): number {
  const wanted = rate * Math.min(1.6, Math.max(0.5, budget / Math.max(cpu, 0.001)));
  return Math.min(1, Math.max(minLabLoadRate, wanted));
}
