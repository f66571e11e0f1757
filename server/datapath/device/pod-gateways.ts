import { isIpv6Text } from '../../../contract/cidr.ts';
import type { PodNetwork } from '../../../contract/pod-network.ts';

/**
 * Next hops of every pod's default routes. No interface has the IPv4 one: its neighbor entry is permanent, or the
 * device has no MACs. Every primary of a pod with IPv6 has the IPv6 one, so that the host's ICMPv6 errors have a
 * source.
 */
export const podGatewayAddresses = { ipv4: '169.254.1.1', ipv6: 'fe80::1' } as const;

/** Lists the gateways of the address families that the pod uses. */
export const listPodGateways = ({ addresses }: Pick<PodNetwork, 'addresses'>): string[] => [
  ...(addresses.some((each) => !isIpv6Text(each)) ? [podGatewayAddresses.ipv4] : []),
  ...(addresses.some(isIpv6Text) ? [podGatewayAddresses.ipv6] : []),
];

export const findGatewayForDestination = (destination: string): string =>
  isIpv6Text(destination) ? podGatewayAddresses.ipv6 : podGatewayAddresses.ipv4;

export const hasIpv6Address = ({ addresses }: Pick<PodNetwork, 'addresses'>): boolean =>
  addresses.some(isIpv6Text);

/** Removes the prefix length of an address: `10.42.0.33/32` becomes `10.42.0.33`. */
export const stripPrefixLength = (cidr: string): string => cidr.split('/', 1).join('');
