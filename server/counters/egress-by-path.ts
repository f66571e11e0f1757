import type { PathTraffic } from '../../contract/pod-path.ts';
import { type CounterSample, computeCounterGrowth } from './sample.ts';

/** Returns a pod's egress packets by path between two samples; null if one of the samples lacks the pod. */
export function computeEgressByPath(
  before: CounterSample,
  after: CounterSample,
  number: number,
): PathTraffic | null {
  const [first, last] = [before, after].map(({ pods }) => pods.find(({ pod }) => pod === number));
  if (first === undefined || last === undefined) return null;
  const redirected = computeCounterGrowth(first, last, 'egressRedirectedPackets');
  return {
    seconds: Number(after.monotonicNs - before.monotonicNs) / 1e9,
    redirected,
    hostRouted: computeCounterGrowth(first, last, 'egressPackets') - redirected,
    dropped: computeCounterGrowth(first, last, 'egressDroppedPackets'),
  };
}
