import { setTimeout as sleep } from 'node:timers/promises';
import { readRunnableTasksPerCpu } from '../../kernel/runnable-tasks-per-cpu.ts';
import type { KernelContext } from '../kernel-context.ts';
import { isPodLeaving } from '../pod-activity.ts';
import type { LivePod } from '../pod-registry.ts';
import {
  findHealthRegression,
  findTrafficLoss,
  type PodTrafficInterval,
  readPodTraffic,
} from './health-regression.ts';

/** Number of settle times without a packet after which silence counts as a fault; traffic comes in bursts. */
const silentSettles = 3;
/** Minimum silence, in milliseconds, that can indicate a fault of a device. */
const shortestSilenceMs = 3000;

/**
 * Watches the health of a pod that was just migrated for `settleMs`, longer while it has no traffic. A pod that ends
 * meanwhile counts as healthy.
 * @param before its traffic up to the migration's start
 * @returns the regression in a clause; null for a healthy pod
 */
export async function watchPodHealth(
  kernel: KernelContext,
  pod: LivePod,
  before: PodTrafficInterval,
  settleMs: number,
): Promise<string | null> {
  const from = readPodTraffic(kernel, pod);
  const patienceMs = Math.max(silentSettles * settleMs, before.to.at - before.from.at, shortestSilenceMs);
  // On a busy node the pod and its peers get only a share of the CPUs, so silence has to last longer to count.
  let silentMs = 0;
  for (;;) {
    await sleep(settleMs);
    if (isPodLeaving(pod)) return null;
    silentMs += settleMs / readRunnableTasksPerCpu();
    const to = readPodTraffic(kernel, pod);
    const worse = findHealthRegression(before, to);
    const silent = findTrafficLoss(before, { from, to });
    if (worse || !silent || silentMs >= patienceMs) return worse ?? silent;
  }
}
