import { isIpv6 } from '../../../contract/cidr.ts';
import type { PodNetwork } from '../../../contract/network.ts';

/**
 * Next hop of every pod's default routes. Nobody answers for the IPv4 one: neighbours are permanent, or there are
 * none. Every primary of a pod with IPv6 has the other, so that the host's ICMPv6 errors have a source.
 */
export const gateways = { ipv4: '169.254.1.1', ipv6: 'fe80::1' } as const;

/** The pod's gateways, of the families it has addresses of. */
export const podGateways = ({ addresses }: Pick<PodNetwork, 'addresses'>): string[] => [
  ...(addresses.some((each) => !isIpv6(each)) ? [gateways.ipv4] : []),
  ...(addresses.some(isIpv6) ? [gateways.ipv6] : []),
];

export const gatewayFor = (destination: string): string =>
  isIpv6(destination) ? gateways.ipv6 : gateways.ipv4;

export const hasIpv6 = ({ addresses }: Pick<PodNetwork, 'addresses'>): boolean => addresses.some(isIpv6);

/** `10.42.0.33/32` without its length. */
export const stripPrefixLength = (cidr: string): string => cidr.split('/')[0]!;
