import { setTimeout as sleep } from 'node:timers/promises';
import type { KernelContext } from '../kernel-context.ts';
import type { LivePod } from '../pod-registry.ts';
import { healthRegression, readTraffic, type TrafficInterval, trafficLoss } from './health.ts';

/** Silence is believed after this many settle times, and as long as was looked before: traffic comes in bursts. */
const silentSettles = 3;

/**
 * Watches a pod that was just migrated for `settleMs`, longer while it is silent; a pod that ends meanwhile is well.
 * @param before its traffic up to the migration's start
 * @returns what it lost, in a sentence; null when all is well
 */
export async function watchHealth(
  kernel: KernelContext,
  pod: LivePod,
  before: TrafficInterval,
  settleMs: number,
): Promise<string | null> {
  const from = readTraffic(kernel, pod);
  const patienceMs = Math.max(silentSettles * settleMs, before.to.at - before.from.at);
  for (;;) {
    await sleep(settleMs);
    if (pod.gone || pod.leaving) return null;
    const to = readTraffic(kernel, pod);
    const worse = healthRegression(before, to);
    const silent = trafficLoss(before, { from, to });
    if (worse || !silent || to.at - from.at >= patienceMs) return worse ?? silent;
  }
}
