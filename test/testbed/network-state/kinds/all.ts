import type { ElementKind } from '../element.ts';
import { addressKinds } from './address.ts';
import { firewallKinds, furtherKinds } from './firewall.ts';
import { linkKinds } from './link.ts';
import { neighborKinds } from './neighbor.ts';
import { policyRoutingKinds } from './policy-routing.ts';
import { qdiscKinds } from './qdisc.ts';
import { routeKinds } from './route.ts';
import { sysctlKinds } from './sysctl.ts';

/** Kinds of elements by group, with the largest number of elements that a state has of a group at one end. */
export const elementGroups: readonly { most: number; kinds: readonly ElementKind[] }[] = [
  { most: 8, kinds: linkKinds },
  { most: 8, kinds: sysctlKinds },
  { most: 6, kinds: addressKinds },
  { most: 10, kinds: routeKinds },
  { most: 4, kinds: policyRoutingKinds },
  { most: 4, kinds: neighborKinds },
  { most: 3, kinds: qdiscKinds },
  { most: 3, kinds: firewallKinds },
  { most: 1, kinds: furtherKinds },
];

export const elementKinds: readonly ElementKind[] = elementGroups.flatMap(({ kinds }) => kinds);
export const kindName = ({ end, name }: ElementKind): string => `${end} ${name}`;
