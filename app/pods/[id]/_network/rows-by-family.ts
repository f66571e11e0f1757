import { isIpv6Text } from '../../../../contract/cidr.ts';

export type Side = 'pod' | 'host';

export interface SidedRow<T> {
  side: Side;
  family: 'IPv4' | 'IPv6';
  item: T;
}

/**
 * Orders the rows of a table over both namespaces: pod before host, IPv4 before IPv6, else in the kernel's order.
 * @param text returns the text that contains the row's addresses
 */
export function bySideAndFamily<T>(
  rows: Record<Side, readonly T[]>,
  text: (item: T) => string,
): SidedRow<T>[] {
  return (['pod', 'host'] as const).flatMap((side) => {
    const all = rows[side].map((item) => ({ side, item, family: familyOf(text(item)) }));
    return [
      ...all.filter(({ family }) => family === 'IPv4'),
      ...all.filter(({ family }) => family === 'IPv6'),
    ];
  });
}

/** Returns the family of an address, or of a route as `ip route` prints it; MAC addresses in it are ignored. */
export const familyOf = (text: string): 'IPv4' | 'IPv6' =>
  isIpv6Text(text.split(' lladdr ')[0] ?? '') ? 'IPv6' : 'IPv4';
