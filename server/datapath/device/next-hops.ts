import { isIpv6 } from '../../../contract/cidr.ts';
import type { PodNetwork } from '../../../contract/network.ts';

/**
 * Next hops of every pod's default routes. No interface has the IPv4 one: its neighbor entry is permanent, or the device
 * has no MACs. Every primary of a pod with IPv6 has the IPv6 one, so that the host's ICMPv6 errors have a source.
 */
export const gateways = { ipv4: '169.254.1.1', ipv6: 'fe80::1' } as const;

/** Lists the gateways of the families that the pod has addresses of. */
export const podGateways = ({ addresses }: Pick<PodNetwork, 'addresses'>): string[] => [
  ...(addresses.some((each) => !isIpv6(each)) ? [gateways.ipv4] : []),
  ...(addresses.some(isIpv6) ? [gateways.ipv6] : []),
];

export const gatewayFor = (destination: string): string =>
  isIpv6(destination) ? gateways.ipv6 : gateways.ipv4;

export const hasIpv6 = ({ addresses }: Pick<PodNetwork, 'addresses'>): boolean => addresses.some(isIpv6);

/** Returns `10.42.0.33` for `10.42.0.33/32`. */
export const stripPrefixLength = (cidr: string): string => cidr.split('/', 1).join('');
