import { acceptedPackets, type PathView } from './path-view.ts';
import { isExactRate, type RateBounds } from './traffic-split.ts';

/**
 * What runs on the stretches of the drawing, packets per second. `pod-…`: between the container and its gate (out)
 * or where the redirect joins (ingress); `host-…`: from there to the host’s stack; `redirect-…`: past it; `pods-…` and
 * `uplink-…`: between the host’s stack and its destinations, all pods of the node together.
 */
export const flows = [
  'pod-egress',
  'pod-ingress',
  'host-egress',
  'host-ingress',
  'redirect-egress',
  'redirect-ingress',
  'pods-egress',
  'pods-ingress',
  'uplink-egress',
  'uplink-ingress',
] as const;
export type Flow = (typeof flows)[number];

/** Flows that are not this pod’s alone are grey. */
export const isSharedFlow = (flow: Flow): boolean => flow.startsWith('pods-') || flow.startsWith('uplink-');

/** The rates to draw, those known within bounds with both of them; null: not counted yet. */
export function flowRates({ rates, ways, uplinkRates }: PathView): Record<Flow, RateBounds | null> {
  const into = rates === null ? null : acceptedPackets(rates, 'ingress');
  const { ingressRedirected } = ways;
  return {
    'pod-egress': exactly(rates === null ? null : acceptedPackets(rates, 'egress')),
    'pod-ingress': exactly(into),
    'host-egress': exactly(ways.hostRouted),
    'host-ingress': into === null || ingressRedirected === null ? exactly(into) : without(into, ingressRedirected),
    'redirect-egress': exactly(ways.redirected),
    'redirect-ingress': ingressRedirected,
    'pods-egress': ways.hostToPods,
    'pods-ingress': exactly(ways.podsToHost),
    'uplink-egress': exactly(uplinkRates.packets.egress),
    'uplink-ingress': exactly(uplinkRates.packets.ingress),
  };
}

const exactly = (rate: number | null): RateBounds | null =>
  rate === null ? null : { atLeast: rate, atMost: rate };

/** What is left of `all`; what is less than the noise of reading is nothing. */
function without(all: number, { atLeast, atMost }: RateBounds): RateBounds {
  const left = (part: number) => (isExactRate({ atLeast: part, atMost: all }) ? 0 : Math.max(0, all - part));
  return { atLeast: left(atMost), atMost: left(atLeast) };
}
