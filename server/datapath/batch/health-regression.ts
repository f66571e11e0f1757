import { counterIndexByName } from '../../bpf/counter-layout.ts';
import { addCarriedCounters } from '../device/add-carried-counters.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { LivePod } from '../pod-registry.ts';

/** Totals of a pod's traffic over all of its devices. */
export interface PodTrafficReading {
  /** Time of the reading on the monotonic clock, in milliseconds. */
  at: number;
  egressPackets: number;
  ingressPackets: number;
  /** Number of packets that Podlane's programs dropped in both directions. */
  drops: number;
  /** Number of failed requests that the pod reported; null if the pod does not report requests. */
  failed: number | null;
}

/** Traffic of a pod between two readings. */
export interface PodTrafficInterval {
  from: PodTrafficReading;
  to: PodTrafficReading;
}

/** Minimum number of packets before a migration for which silence afterwards is a fault. */
const busyPackets = 5;
/**
 * Number of drops that do not indicate a fault, for example of a port scan or of packets to a port that was just
 * closed.
 */
const strayDrops = 10;

/** Reads a pod's traffic totals from its counters, without a system call. */
export function readPodTraffic({ programs }: KernelContext, pod: LivePod): PodTrafficReading {
  const sums = pod.devices.reduce<readonly bigint[]>(
    (total, { slot }) => addCarriedCounters(total, programs.counters.read(slot)),
    pod.record.carried,
  );
  const counter = (index: number): number => Number(sums[index] ?? 0n);
  return {
    at: performance.now(),
    egressPackets: counter(counterIndexByName.egressPackets),
    ingressPackets: counter(counterIndexByName.ingressPackets),
    drops:
      counter(counterIndexByName.egressDroppedPackets) + counter(counterIndexByName.ingressDroppedPackets),
    failed: pod.requests?.failed ?? null,
  };
}

/**
 * Compares a pod's health after a migration with before: more drops or failed requests than twice the usual number are
 * a regression.
 * @param before up to the migration's start
 * @param now after its end
 * @returns the regression in a clause, or null
 */
export function findHealthRegression(before: PodTrafficInterval, now: PodTrafficReading): string | null {
  const since = { from: before.to, to: now };
  const drops = { had: counterIncrease(since, 'drops'), usual: usualIncrease(before, since, 'drops') };
  if (drops.had > strayDrops + 2 * drops.usual)
    return `Podlane’s programs dropped ${drops.had} of its packets since its migration began, ${Math.round(drops.usual)} in the same time before`;
  const failed = { had: counterIncrease(since, 'failed'), usual: usualIncrease(before, since, 'failed') };
  if (failed.had > 2 * failed.usual)
    return `${failed.had} of its requests failed since its migration began, ${Math.round(failed.usual)} in the same time before`;
  return null;
}

/**
 * Finds a direction that had packets before the migration and has none after. That may be chance, so the caller reads
 * again before it counts as a fault.
 * @param after from the migration's end
 * @returns the fault in a clause, or null
 */
export function findTrafficLoss(before: PodTrafficInterval, after: PodTrafficInterval): string | null {
  const directions = [
    ['egressPackets', 'left'],
    ['ingressPackets', 'reached'],
  ] as const;
  for (const [direction, verb] of directions)
    if (counterIncrease(before, direction) >= busyPackets && counterIncrease(after, direction) === 0)
      return `no packet ${verb} the pod for ${ms(after)} ms after its migration, ${counterIncrease(before, direction)} did in ${ms(before)} ms before`;
  return null;
}

const ms = ({ from, to }: PodTrafficInterval): number => Math.round(to.at - from.at);
const counterIncrease = (
  { from, to }: PodTrafficInterval,
  key: Exclude<keyof PodTrafficReading, 'at'>,
): number => (to[key] ?? 0) - (from[key] ?? 0);

/** Returns a counter's increase during `before`, scaled to the length of `since`. */
const usualIncrease = (
  before: PodTrafficInterval,
  since: PodTrafficInterval,
  key: Exclude<keyof PodTrafficReading, 'at'>,
): number => (ms(before) === 0 ? 0 : (counterIncrease(before, key) / ms(before)) * ms(since));
