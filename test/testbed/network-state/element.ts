import type { SeededRandom } from '../random.ts';

/** The end of a device: in the pod's namespace or in the host's. */
export type DeviceEnd = 'pod' | 'host';

/** A command of one line for a tool that reads many of them; `sh` is a line of shell. */
export interface StateCommand {
  tool: 'ip' | 'ip -6' | 'tc' | 'bridge' | 'nft' | 'sh';
  text: string;
}

/** Order in which a state is applied: what comes later may refer to what came before. */
export const statePhases = [
  'bridge',
  'link',
  'sysctl',
  'address',
  'nexthop',
  'route',
  'rule',
  'neighbor',
  'qdisc',
  'filter',
  'firewall',
] as const;
export type StatePhase = (typeof statePhases)[number];

/** Addresses that no other element of a node uses. */
export interface ElementNetwork {
  /** Address number `host` of a /28: `198.18.0.17`. */
  ipv4(host: number): string;
  /** Address of a /64: `fd18:1::99`. */
  ipv6(host: string): string;
}

/** Numbers and addresses for one element; `ipv4` and `ipv6` are of one network, and `network` makes another. */
export interface ElementContext extends ElementNetwork {
  random: SeededRandom;
  /** Number from 1 to 8,191 that no other element of a node uses. */
  unique(): number;
  network(): ElementNetwork;
}

/**
 * A kind of element of a network state. In its commands `DEV` stands for the device's name at this end, `WILD` for a
 * pattern that matches it, `POD4` and `POD6` for the pod's first addresses.
 */
export interface ElementKind {
  /** `route: IPv4 with realms`; unique together with `end`. */
  name: string;
  end: DeviceEnd;
  phase: StatePhase;
  /** A state has at most one element of an alternative, e.g. one root qdisc. */
  alternative?: string;
  /** Devices of this kind have no such thing. */
  not?: 'netkit-l3';
  commands(context: ElementContext): StateCommand[];
}

/** Makes commands of one tool. */
export const linesOf =
  (tool: StateCommand['tool']) =>
  (...lines: string[]): StateCommand[] =>
    lines.map((text) => ({ tool, text: text.replace(/\s+/g, ' ').trim() }));

export const bothEnds: readonly DeviceEnd[] = ['pod', 'host'];
/** The next hops of a pod; on the host, the pod itself is one. */
export const nextHop = (end: DeviceEnd): { ipv4: string; ipv6: string } =>
  end === 'pod'
    ? { ipv4: 'via 169.254.1.1 dev DEV onlink', ipv6: 'via fe80::1 dev DEV' }
    : { ipv4: 'via POD4 dev DEV onlink', ipv6: 'via POD6 dev DEV' };

/** A MAC by number, so that two devices made by the same commands have the same. */
export const ownMac = (number: number): string =>
  `02:00:00:99:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`;
