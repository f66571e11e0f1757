import type { PathDiagramData } from './path-diagram-types.ts';
import { getAcceptedPacketRate } from './program-rates.ts';
import { isExactRate, type RateBounds } from './rates-by-path.ts';

/**
 * Packet flows in the path diagram. `pod-…` runs between the container and its hook; `host-…` from the hook to the
 * host stack; `redirect-…` past the host stack; `pods-…` and `uplink-…` between the host stack and its destinations,
 * summed over all pods of the node.
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

/** Returns true for packet flows that also carry other pods' packets; these are drawn gray. */
export const isSharedPacketFlow = (flow: PacketFlow): boolean =>
  flow.startsWith('pods-') || flow.startsWith('uplink-');

/** Returns the bounds of each flow's rate in packets per second; null before the flow is counted. */
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

/** Subtracts a rate known within bounds from `all`. A remainder below the measurement noise counts as 0. */
function subtractBounds(all: number, { atLeast, atMost }: RateBounds): RateBounds {
  const left = (part: number) => (isExactRate({ atLeast: part, atMost: all }) ? 0 : Math.max(0, all - part));
  return { atLeast: left(atMost), atMost: left(atLeast) };
}
