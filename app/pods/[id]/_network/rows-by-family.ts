import { isIpv6 } from '../../../../contract/cidr.ts';

export type Side = 'pod' | 'host';

export interface SidedRow<T> {
  side: Side;
  family: 'IPv4' | 'IPv6';
  item: T;
}

/**
 * Rows of a table over both namespaces: those in the pod before those on the host, IPv4 before IPv6, else as
 * the kernel has them.
 * @param text what holds the row's addresses; one in it that is IPv6 makes the row of that family
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

/** Of an address, or of a route as `ip route` prints it. MAC addresses in it do not count. */
export const familyOf = (text: string): 'IPv4' | 'IPv6' =>
  isIpv6(text.split(' lladdr ')[0] ?? '') ? 'IPv6' : 'IPv4';
