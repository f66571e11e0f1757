import { counterIndexByName } from '../../bpf/counter-layout.ts';
import { addCarriedCounters } from '../device/carried-counters.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { LivePod } from '../pod-registry.ts';

/** Totals of a pod's traffic over all its devices. */
export interface PodTrafficReading {
  /** Monotonic time in milliseconds. */
  at: number;
  egressPackets: number;
  ingressPackets: number;
  /** Packets that Podlane's programs dropped, both directions. */
  drops: number;
  /** Failed requests by the pod's own count; null when it does not count. */
  failed: number | null;
}

/** Traffic between two readings. */
export interface PodTrafficInterval {
  from: PodTrafficReading;
  to: PodTrafficReading;
}

/** A direction with fewer packets before the migration may fall silent on its own. */
const busyPackets = 5;
/** Drops that are no sign of a fault: a scan, a packet to a port that was just closed. */
const strayDrops = 10;

/** Reads a pod's totals from the counters, without a system call. */
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

/** Scales the rise in `before` to the length of `since`. */
const usualIncrease = (
  before: PodTrafficInterval,
  since: PodTrafficInterval,
  key: Exclude<keyof PodTrafficReading, 'at'>,
): number => (ms(before) === 0 ? 0 : (counterIncrease(before, key) / ms(before)) * ms(since));
