import { getAcceptedPacketRate, type PathDiagramData } from './path-diagram-data.ts';
import { isExactRate, type RateBounds } from './rates-by-path.ts';

/**
 * Flows of packets in the drawing. `pod-…` runs between the container and its hook; `host-…` from there to the host
 * stack; `redirect-…` past the host stack; `pods-…` and `uplink-…` between the host stack and its destinations, for all
 * pods of the node together.
 */
export const packetFlows = [
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
export type PacketFlow = (typeof packetFlows)[number];

/** Returns true for flows that carry packets of other pods too; they are gray. */
export const isSharedPacketFlow = (flow: PacketFlow): boolean =>
  flow.startsWith('pods-') || flow.startsWith('uplink-');

/** Returns the rate of each flow in packets per second, with its bounds; null before it is counted. */
export function computeFlowRates({
  rates,
  traffic,
  uplinkRates,
}: PathDiagramData): Record<PacketFlow, RateBounds | null> {
  const ingress = rates === null ? null : getAcceptedPacketRate(rates, 'ingress');
  const { ingressRedirected } = traffic;
  return {
    'pod-egress': exactRate(rates === null ? null : getAcceptedPacketRate(rates, 'egress')),
    'pod-ingress': exactRate(ingress),
    'host-egress': exactRate(traffic.hostRouted),
    'host-ingress':
      ingress === null || ingressRedirected === null
        ? exactRate(ingress)
        : subtractBounds(ingress, ingressRedirected),
    'redirect-egress': exactRate(traffic.redirected),
    'redirect-ingress': ingressRedirected,
    'pods-egress': traffic.hostToPods,
    'pods-ingress': exactRate(traffic.podsToHost),
    'uplink-egress': exactRate(uplinkRates.packets.egress),
    'uplink-ingress': exactRate(uplinkRates.packets.ingress),
  };
}

const exactRate = (rate: number | null): RateBounds | null =>
  rate === null ? null : { atLeast: rate, atMost: rate };

/** Subtracts a rate within bounds from `all`. A rest below the noise of the readings counts as 0. */
function subtractBounds(all: number, { atLeast, atMost }: RateBounds): RateBounds {
  const left = (part: number) => (isExactRate({ atLeast: part, atMost: all }) ? 0 : Math.max(0, all - part));
  return { atLeast: left(atMost), atMost: left(atLeast) };
}
