import type { PathTraffic } from '../../../../contract/path.ts';

/** What a pod's counters did, per second; `in` and `out` of the pod. */
export interface PodRateCounters {
  ingressPackets: number;
  egressPackets: number;
  ingressDroppedPackets: number;
  egressRedirectedPackets: number;
}

/** A rate that the counters leave open: at least this, at most that. */
export interface RateBounds {
  atLeast: number;
  atMost: number;
}

/** Which ways packets took, in packets per second; null while it was not counted. */
export interface TrafficSplit {
  /** Handed straight to other pods by this pod’s program. */
  redirected: number | null;
  /** Given to the host’s stack by this pod. */
  hostRouted: number | null;
  /** Handed straight to this pod by others. */
  ingressRedirected: RateBounds | null;
  /** From the host’s stack to all other pods together. */
  hostToPods: RateBounds | null;
  /** From all other pods together to the host’s stack. */
  podsToHost: number | null;
}

/** Counters of many pods are not read in one instant: less than this of the whole is no packet. */
const noise = (rate: number, of: number): number => (rate < 0.5 + 0.01 * of ? 0 : rate);

export const isExactRate = ({ atLeast, atMost }: RateBounds): boolean =>
  noise(atMost - atLeast, atMost) === 0;

/**
 * The ways of this second. A redirect is counted with its sender alone, so who received it follows from sums:
 * what the pods of the node were given, less what they handed each other, came from the host’s stack. Where
 * both exist the split is known within bounds only.
 */
export function splitTraffic(own: PodRateCounters | null, others: readonly PodRateCounters[]): TrafficSplit {
  if (own === null)
    return {
      redirected: null,
      hostRouted: null,
      ingressRedirected: null,
      hostToPods: null,
      podsToHost: null,
    };
  const given = (pod: PodRateCounters) => pod.ingressPackets + pod.ingressDroppedPackets;
  const sum = (of: (pod: PodRateCounters) => number) => others.reduce((total, pod) => total + of(pod), 0);
  const toOthers = sum(given);
  const byOthers = sum((pod) => pod.egressRedirectedPackets);
  const all = given(own) + toOthers;
  const byHost = noise(Math.max(0, all - own.egressRedirectedPackets - byOthers), all);
  const ingressRedirected = Math.min(given(own), byOthers);
  const hostToPods = Math.min(byHost, Math.max(0, toOthers - own.egressRedirectedPackets));
  return {
    redirected: own.egressRedirectedPackets,
    hostRouted: Math.max(0, own.egressPackets - own.egressRedirectedPackets),
    ingressRedirected: bounds(given(own) - byHost, ingressRedirected),
    hostToPods: bounds(noise(toOthers - own.egressRedirectedPackets - byOthers, all), hostToPods),
    podsToHost: Math.max(0, sum((pod) => pod.egressPackets) - byOthers),
  };
}

const bounds = (atLeast: number, atMost: number): RateBounds => ({
  atLeast: Math.min(Math.max(0, atLeast), atMost),
  atMost,
});

/** What the agent counted, until the page has two samples of its own. */
export const splitFromAgent = ({ seconds, redirected, hostRouted }: PathTraffic): TrafficSplit => ({
  ...splitTraffic(null, []),
  redirected: redirected / seconds,
  hostRouted: hostRouted / seconds,
});
