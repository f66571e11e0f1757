import { acceptedOf, type PathView } from './view.ts';

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
export const isShared = (flow: Flow): boolean => flow.startsWith('pods-') || flow.startsWith('uplink-');

/** The rates to draw: of what is known within bounds, what is certain. Null: not counted yet. */
export function flowRates({ rates, ways, uplinkRates }: PathView): Record<Flow, number | null> {
  const out = rates === null ? null : acceptedOf(rates, 'out');
  const into = rates === null ? null : acceptedOf(rates, 'in');
  const shortIn = ways.shortIn?.atLeast ?? null;
  return {
    'pod-out': out,
    'pod-in': into,
    'host-out': ways.toHost,
    'host-in': into === null ? null : Math.max(0, into - (shortIn ?? 0)),
    'short-out': ways.redirected,
    'short-in': shortIn,
    'pods-out': ways.hostToPods?.atLeast ?? null,
    'pods-in': ways.podsToHost,
    'uplink-out': uplinkRates.packets.out,
    'uplink-in': uplinkRates.packets.in,
  };
}
