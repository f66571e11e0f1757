/** Minimum factor of the lab's full load. */
export const minLabLoadFactor = 0.02;

/**
 * Returns the next factor of the full load from the CPU use of the last interval, so that the lab's requests never wait
 * for the lab's own traffic.
 * @param factor factor of the last interval, up to 1
 * @param cpu cores that it used
 * @param budget cores that it may use
 */
export function adjustLabLoadFactor(factor: number, cpu: number, budget: number): number {
  const wanted = factor * Math.min(1.6, Math.max(0.5, budget / Math.max(cpu, 0.001)));
  return Math.min(1, Math.max(minLabLoadFactor, wanted));
}
