import { isIpv6Text } from '../../../../contract/cidr.ts';

export type NamespaceSide = 'pod' | 'host';

export interface NetworkTableRow<T> {
  side: NamespaceSide;
  family: 'IPv4' | 'IPv6';
  item: T;
}

/**
 * Sorts table rows of both namespaces: pod before host, IPv4 before IPv6, otherwise in the kernel's order.
 * @param text returns the text that contains the row's addresses
 */
export function sortBySideAndFamily<T>(
  rows: Record<NamespaceSide, readonly T[]>,
  text: (item: T) => string,
): NetworkTableRow<T>[] {
  return (['pod', 'host'] as const).flatMap((side) => {
    const all = rows[side].map((item) => ({ side, item, family: detectAddressFamily(text(item)) }));
    return [
      ...all.filter(({ family }) => family === 'IPv4'),
      ...all.filter(({ family }) => family === 'IPv6'),
    ];
  });
}

/**
 * Returns the address family of an address, or of a route as `ip route` prints it; ignores MAC addresses in the text.
 */
export const detectAddressFamily = (text: string): 'IPv4' | 'IPv6' =>
  isIpv6Text(text.split(' lladdr ')[0] ?? '') ? 'IPv6' : 'IPv4';
