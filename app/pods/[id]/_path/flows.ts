import { acceptedPackets, type PathView } from './path-view.ts';
import { isExactRate, type RateBounds } from './traffic-split.ts';

/**
 * What runs on the stretches of the drawing, packets per second. `pod-…`: between the container and its gate (out)
 * or where the short way joins (in); `host-…`: from there to the host’s stack; `short-…`: past it; `pods-…` and
 * `uplink-…`: between the host’s stack and its destinations, all pods of the node together.
 */
export const flows = [
  'pod-out',
  'pod-in',
  'host-out',
  'host-in',
  'short-out',
  'short-in',
  'pods-out',
  'pods-in',
  'uplink-out',
  'uplink-in',
] as const;
export type Flow = (typeof flows)[number];

/** Flows that are not this pod’s alone are grey. */
export const isSharedFlow = (flow: Flow): boolean => flow.startsWith('pods-') || flow.startsWith('uplink-');

/** The rates to draw, those known within bounds with both of them; null: not counted yet. */
export function flowRates({ rates, ways, uplinkRates }: PathView): Record<Flow, RateBounds | null> {
  const into = rates === null ? null : acceptedPackets(rates, 'ingress');
  const { ingressRedirected } = ways;
  return {
    'pod-out': exactly(rates === null ? null : acceptedPackets(rates, 'egress')),
    'pod-in': exactly(into),
    'host-out': exactly(ways.hostRouted),
    'host-in': into === null || ingressRedirected === null ? exactly(into) : without(into, ingressRedirected),
    'short-out': exactly(ways.redirected),
    'short-in': ingressRedirected,
    'pods-out': ways.hostToPods,
    'pods-in': exactly(ways.podsToHost),
    'uplink-out': exactly(uplinkRates.packets.out),
    'uplink-in': exactly(uplinkRates.packets.in),
  };
}

const exactly = (rate: number | null): RateBounds | null =>
  rate === null ? null : { atLeast: rate, atMost: rate };

/** What is left of `all`; what is less than the noise of reading is nothing. */
function without(all: number, { atLeast, atMost }: RateBounds): RateBounds {
  const left = (part: number) => (isExactRate({ atLeast: part, atMost: all }) ? 0 : Math.max(0, all - part));
  return { atLeast: left(atMost), atMost: left(atLeast) };
}
