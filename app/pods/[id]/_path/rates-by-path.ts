import type { PathTraffic } from '../../../../contract/pod-path.ts';

/** Packet rates of a pod that its counters give, in packets per second. */
export interface PodRateCounters {
  ingressPackets: number;
  egressPackets: number;
  ingressDroppedPackets: number;
  egressRedirectedPackets: number;
}

/** Bounds of a rate that the counters do not determine exactly. */
export interface RateBounds {
  atLeast: number;
  atMost: number;
}

/** Packets per second by their path, either redirected or through the host stack; null before they are counted. */
export interface RatesByPath {
  /** Packets per second that this pod's program redirected to other pods. */
  redirected: number | null;
  /** Packets per second that this pod sent through the host stack. */
  hostRouted: number | null;
  /** Packets per second that other pods redirected to this pod. */
  ingressRedirected: RateBounds | null;
  /** Packets per second from the host stack to all other pods together. */
  hostToPods: RateBounds | null;
  /** Packets per second from all other pods together to the host stack. */
  podsToHost: number | null;
}

/**
 * Returns 0 for a rate below the measurement noise, which arises because the counters of many pods are not read at one
 * instant.
 */
const noise = (rate: number, of: number): number => (rate < 0.5 + 0.01 * of ? 0 : rate);

/** Returns true if the bounds of a rate differ by less than the measurement noise. */
export const isExactRate = ({ atLeast, atMost }: RateBounds): boolean =>
  noise(atMost - atLeast, atMost) === 0;

/**
 * Splits the traffic of the last second by path. A redirect is counted at its sender only, so the receiver's share
 * follows from sums: packets that pods received and did not redirect to each other came from the host stack. If both
 * paths are in use, the split is known only within bounds.
 */
export function computeRatesByPath(
  own: PodRateCounters | null,
  others: readonly PodRateCounters[],
): RatesByPath {
  if (own === null)
    return {
      redirected: null,
      hostRouted: null,
      ingressRedirected: null,
      hostToPods: null,
      podsToHost: null,
    };
  const received = (pod: PodRateCounters) => pod.ingressPackets + pod.ingressDroppedPackets;
  const sum = (of: (pod: PodRateCounters) => number) => others.reduce((total, pod) => total + of(pod), 0);
  const toOthers = sum(received);
  const byOthers = sum((pod) => pod.egressRedirectedPackets);
  const all = received(own) + toOthers;
  const byHost = noise(Math.max(0, all - own.egressRedirectedPackets - byOthers), all);
  const ingressRedirected = Math.min(received(own), byOthers);
  const hostToPods = Math.min(byHost, Math.max(0, toOthers - own.egressRedirectedPackets));
  return {
    redirected: own.egressRedirectedPackets,
    hostRouted: Math.max(0, own.egressPackets - own.egressRedirectedPackets),
    ingressRedirected: bounds(received(own) - byHost, ingressRedirected),
    hostToPods: bounds(noise(toOthers - own.egressRedirectedPackets - byOthers, all), hostToPods),
    podsToHost: Math.max(0, sum((pod) => pod.egressPackets) - byOthers),
  };
}

const bounds = (atLeast: number, atMost: number): RateBounds => ({
  atLeast: Math.min(Math.max(0, atLeast), atMost),
  atMost,
});

/** Converts the agent's packet counts to rates; they are shown until the page has two samples. */
export const convertToRatesByPath = ({ seconds, redirected, hostRouted }: PathTraffic): RatesByPath => ({
  ...computeRatesByPath(null, []),
  redirected: redirected / seconds,
  hostRouted: hostRouted / seconds,
});
