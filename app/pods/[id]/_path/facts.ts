import type { FactRow } from './boxes.tsx';
import type { PathView } from './view.ts';

/** What else is to know about the device: its slot, and what decides where no program does. */
export function deviceFacts({ device, container }: PathView): FactRow[] {
  if (device === null) return [];
  const mode = device.mode === null ? '' : ` ${device.mode.toUpperCase()}`;
  const facts: FactRow[] = [['device', `${device.kind}${mode}, slot ${device.slot}`]];
  if (device.policy !== null)
    facts.push(['policy', `peer ${device.policy.peer}, primary ${device.policy.primary}`]);
  for (const neighbour of container.neighbours)
    facts.push(['neigh', neighbour.replace(/ dev \S+/, ''), neighbour]);
  if (device.primary.mtu !== device.peer.mtu)
    facts.push(['MTU', `peer ${device.peer.mtu}, primary ${device.primary.mtu}`]);
  return facts;
}

/** Both routes that a migration moves. */
export function routeFacts({ container, host }: PathView): FactRow[] {
  return [...rows('pod route', container.routes), ...rows('host route', host?.routes ?? [])];
}

const rows = (name: string, routes: readonly string[]): FactRow[] =>
  routes.length === 0 ? [[name, 'none']] : routes.map((route) => [name, route]);
