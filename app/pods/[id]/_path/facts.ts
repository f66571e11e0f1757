import type { PathView } from './view.ts';

/** What else is to know about the device: its slot, and what decides where no program does. */
export function deviceFacts({ device, container }: PathView): [string, string][] {
  if (device === null) return [];
  const mode = device.mode === null ? '' : ` ${device.mode.toUpperCase()}`;
  const facts: [string, string][] = [['device', `${device.kind}${mode}, slot ${device.slot}`]];
  if (device.policy !== null)
    facts.push(['policy', `peer ${device.policy.peer}, primary ${device.policy.primary}`]);
  else if (container.neighbour !== null) facts.push(['neigh', container.neighbour]);
  if (device.primary.mtu !== device.peer.mtu)
    facts.push(['MTU', `peer ${device.peer.mtu}, primary ${device.primary.mtu}`]);
  return facts;
}

/** Both routes that a migration moves. */
export function routeFacts({ container, host }: PathView): [string, string][] {
  return [
    ['pod route', container.route ?? 'none'],
    ['host route', host?.route ?? 'none'],
  ];
}
