import type { PathTraffic } from '../../contract/path.ts';
import { type CounterSample, counterGrowth } from './sample.ts';

/** Returns how the egress packets of pod `number` left it between two samples; null if it is missing from one of them. */
export function computePathTraffic(
  before: CounterSample,
  after: CounterSample,
  number: number,
): PathTraffic | null {
  const [first, last] = [before, after].map(({ pods }) => pods.find(({ pod }) => pod === number));
  if (first === undefined || last === undefined) return null;
  const redirected = counterGrowth(first, last, 'egressRedirectedPackets');
  return {
    seconds: Number(after.monotonicNs - before.monotonicNs) / 1e9,
    redirected,
    hostRouted: counterGrowth(first, last, 'egressPackets') - redirected,
    dropped: counterGrowth(first, last, 'egressDroppedPackets'),
  };
}
