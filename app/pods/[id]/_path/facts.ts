import type { FactRow } from './boxes.tsx';
import type { PathView } from './view.ts';

/** What else is to know about the device: its slot, and what decides where no program does. */
export function deviceFacts({ device, container }: PathView): FactRow[] {
  if (device === null) return [];
  const mode = device.mode === null ? '' : ` ${device.mode.toUpperCase()}`;
  const facts: FactRow[] = [['device', `${device.kind}${mode}, slot ${device.slot}`]];
  if (device.policy !== null)
    facts.push(['policy', `peer ${device.policy.peer}, primary ${device.policy.primary}`]);
  else if (container.neighbour !== null)
    facts.push(['neigh', container.neighbour.replace(/ dev \S+/, ''), container.neighbour]);
  if (device.primary.mtu !== device.peer.mtu)
    facts.push(['MTU', `peer ${device.peer.mtu}, primary ${device.primary.mtu}`]);
  return facts;
}

/** Both routes that a migration moves. */
export function routeFacts({ container, host }: PathView): FactRow[] {
  return [
    ['pod route', container.route ?? 'none'],
    ['host route', host?.route ?? 'none'],
  ];
}
