import { readSysctl } from '../../kernel/sysctl.ts';

/**
 * Reverse path filter of an interface: values of `rp_filter` for all interfaces of its namespace and for itself, of
 * which the kernel applies the larger (IN_DEV_RPFILTER, <linux/inetdevice.h>). IPv6 has none.
 */
export interface ReversePathFilter {
  all: string;
  own: string;
}

/**
 * Value of `rp_filter` that accepts packets by any interface that has a route to their source, also where `all` is 1.
 */
export const looseReversePathFilter = '2';
const strictFilter = 1;

export const reversePathSysctl = (name: string): string => `net/ipv4/conf/${name}/rp_filter`;

/** Reads the reverse path filter of an interface. @throws ProblemError `kernel_refused` */
export const readReversePathFilter = (name: string, namespaceFd?: number): ReversePathFilter => ({
  all: readSysctl(reversePathSysctl('all'), namespaceFd),
  own: readSysctl(reversePathSysctl(name), namespaceFd),
});

/** Tells whether packets are dropped that arrive on another interface than that of the route to their source. */
export const isStrictReversePathFilter = ({ all, own }: ReversePathFilter): boolean =>
  Math.max(Number(all), Number(own)) === strictFilter;

/** Returns the value for an interface whose namespace has the value `all`, so that its filter is not strict. */
export const chooseFilterValue = (all: string): string =>
  all === String(strictFilter) ? looseReversePathFilter : '0';
