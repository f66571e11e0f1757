/** Lowest and highest share of the full load. */
export const minRate = 0.02;

/**
 * The share of the full load to run at next, from what the last interval cost: the lab is to look alive, and
 * never to be what its own requests wait for.
 * @param rate the share it ran at, up to 1
 * @param cpu what that took, in cores
 * @param budget what it may take, in cores
 */
export function adjustRate(rate: number, cpu: number, budget: number): number {
  const wanted = rate * Math.min(1.6, Math.max(0.5, budget / Math.max(cpu, 0.001)));
  return Math.min(1, Math.max(minRate, wanted));
}
