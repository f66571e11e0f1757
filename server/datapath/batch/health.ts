import { counterIndex } from '../../bpf/counter-layout.ts';
import { addCounters } from '../device/carried-counters.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { LivePod } from '../pod-registry.ts';

/** A pod's traffic so far, over all devices it had. */
export interface TrafficReading {
  /** ms, monotonic */
  at: number;
  egressPackets: number;
  ingressPackets: number;
  /** Of our programs, both directions. */
  drops: number;
  /** Requests that the pod's own traffic counted as failed; null where it does not count. */
  failed: number | null;
}

/** Traffic between two readings. */
export interface TrafficInterval {
  from: TrafficReading;
  to: TrafficReading;
}

/** A direction with fewer packets in the span before may fall silent by itself. */
const busyPackets = 5;
/** Drops that say nothing: a scan, a packet to a port that was just closed. */
const strayDrops = 10;

export function readTraffic({ programs }: KernelContext, pod: LivePod): TrafficReading {
  const sums = pod.devices.reduce<readonly bigint[]>(
    (total, { slot }) => addCounters(total, programs.counters.read(slot)),
    pod.record.carried,
  );
  const of = (place: number): number => Number(sums[place] ?? 0n);
  return {
    at: performance.now(),
    egressPackets: of(counterIndex.egressPackets),
    ingressPackets: of(counterIndex.ingressPackets),
    drops: of(counterIndex.egressDroppedPackets) + of(counterIndex.ingressDroppedPackets),
    failed: pod.requests?.failed ?? null,
  };
}

/**
 * What got worse through a migration: more drops or failed requests than twice what the same time before had.
 * @param before up to the migration's start
 * @param now after its end
 * @returns a sentence; null when nothing did
 */
export function healthRegression(before: TrafficInterval, now: TrafficReading): string | null {
  const since = { from: before.to, to: now };
  const drops = { had: rise(since, 'drops'), usual: usual(before, since, 'drops') };
  if (drops.had > strayDrops + 2 * drops.usual)
    return `our programs dropped ${drops.had} of its packets since its migration began, ${Math.round(drops.usual)} in the same time before`;
  const failed = { had: rise(since, 'failed'), usual: usual(before, since, 'failed') };
  if (failed.had > 2 * failed.usual)
    return `${failed.had} of its requests failed since its migration began, ${Math.round(failed.usual)} in the same time before`;
  return null;
}

/**
 * Directions that had packets before and have none after. That may be chance: look again before believing it.
 * @param after from the migration's end
 */
export function trafficLoss(before: TrafficInterval, after: TrafficInterval): string | null {
  const directions = [
    ['egressPackets', 'left'],
    ['ingressPackets', 'reached'],
  ] as const;
  for (const [direction, verb] of directions)
    if (rise(before, direction) >= busyPackets && rise(after, direction) === 0)
      return `no packet ${verb} the pod for ${ms(after)} ms after its migration, ${rise(before, direction)} did in ${ms(before)} ms before`;
  return null;
}

const ms = ({ from, to }: TrafficInterval): number => Math.round(to.at - from.at);
const rise = ({ from, to }: TrafficInterval, key: Exclude<keyof TrafficReading, 'at'>): number =>
  (to[key] ?? 0) - (from[key] ?? 0);

/** What a span as long as `since` had at the rate of `before`. */
const usual = (
  before: TrafficInterval,
  since: TrafficInterval,
  key: Exclude<keyof TrafficReading, 'at'>,
): number => (ms(before) === 0 ? 0 : (rise(before, key) / ms(before)) * ms(since));
