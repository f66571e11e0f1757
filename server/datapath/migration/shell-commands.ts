import { basename, dirname } from 'node:path';
import { formatRoute } from '../../netlink/iproute2-format.ts';
import type { KernelRoute } from '../../netlink/route-message.ts';

/** Quotes a word for a shell if the shell would split or expand it, for example an interface name that a pod chose. */
export const quoteShellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

const isNamed = (netns: string): boolean => ['/run/netns', '/var/run/netns'].includes(dirname(netns));

/**
 * Returns a command that runs `command` in the namespace at `netns`; uses `ip -n NAME` if `ip netns` knows the
 * namespace.
 */
export function netnsCommand(netns: string, command: string): string {
  if (isNamed(netns) && command.startsWith('ip '))
    return `ip -n ${quoteShellWord(basename(netns))} ${command.slice('ip '.length)}`;
  return `nsenter --net=${quoteShellWord(netns)} ${command}`;
}

/** Returns a namespace as the `netns` argument of `ip link add`: a name or a path. */
export const formatNetnsArgument = (netns: string): string =>
  quoteShellWord(isNamed(netns) ? basename(netns) : netns);

/**
 * Returns the `ip route replace` command that moves a route to a device. Flags that the kernel sets itself are
 * omitted.
 */
export function replaceRouteCommand(route: KernelRoute, device: string): string {
  const nextHops = route.nextHops.map((hop) => ({ ...hop, dead: false, linkdown: false }));
  const words = formatRoute({ ...route, nextHops }, () => device).split(' ');
  // `ip route` prints no type for unicast, and wants the type of service after the destination.
  const destination = route.type === 'unicast' ? 1 : 2;
  if (route.typeOfService !== 0) words.splice(destination, 0, 'tos', `0x${route.typeOfService.toString(16)}`);
  return `ip ${route.family === 'ipv6' ? '-6 ' : ''}route replace ${words.map(quoteShellWord).join(' ')}`;
}

/** Returns the bpftool command that writes an entry of a pinned map. */
export const updateMapEntryCommand = (path: string, key: Buffer, value: Buffer): string =>
  `bpftool map update pinned ${quoteShellWord(path)} key hex ${hexBytes(key)} value hex ${hexBytes(value)}`;

const hexBytes = (bytes: Buffer): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

/**
 * Returns a shell command that waits until a condition is true, and fails with exit code 124 after `seconds`
 * seconds.
 */
export const waitUntilCommand = (seconds: number, condition: string, pause = '0.01'): string =>
  `timeout ${seconds} sh -c ${quoteShellWord(`until ${condition}; do sleep ${pause}; done`)}`;
