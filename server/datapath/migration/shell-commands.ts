import { basename, dirname } from 'node:path';
import { formatRoute } from '../../netlink/iproute2-format.ts';
import type { Route } from '../../netlink/route-message.ts';

/** A word of a shell command, quoted where a shell would split or expand it: a pod chooses its interface's name. */
export const quoteShellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

const isNamed = (netns: string): boolean => ['/run/netns', '/var/run/netns'].includes(dirname(netns));

/** The command that runs `command` in the namespace at `netns`: `ip -n NAME …` where `ip netns` knows the namespace. */
export function netnsCommand(netns: string, command: string): string {
  if (isNamed(netns) && command.startsWith('ip '))
    return `ip -n ${quoteShellWord(basename(netns))} ${command.slice('ip '.length)}`;
  return `nsenter --net=${quoteShellWord(netns)} ${command}`;
}

/** The namespace as `ip link add … netns` takes it: a name or a path. */
export const formatNetnsArgument = (netns: string): string =>
  quoteShellWord(isNamed(netns) ? basename(netns) : netns);

/** `ip route replace` for a route on another device. Flags that the kernel sets itself are left out. */
export function replaceRouteCommand(route: Route, device: string): string {
  const nextHops = route.nextHops.map((hop) => ({ ...hop, dead: false, linkdown: false }));
  const words = formatRoute({ ...route, nextHops }, () => device).split(' ');
  // `ip route` prints no type for unicast, and wants the type of service after the destination.
  const destination = route.type === 'unicast' ? 1 : 2;
  if (route.typeOfService !== 0) words.splice(destination, 0, 'tos', `0x${route.typeOfService.toString(16)}`);
  return `ip ${route.family === 'ipv6' ? '-6 ' : ''}route replace ${words.map(quoteShellWord).join(' ')}`;
}

/** Writes an entry of a pinned map as bpftool does. */
export const updateMapEntryCommand = (path: string, key: Buffer, value: Buffer): string =>
  `bpftool map update pinned ${quoteShellWord(path)} key hex ${hexBytes(key)} value hex ${hexBytes(value)}`;

const hexBytes = (bytes: Buffer): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** Repeats a condition until it holds; after `seconds` the command fails with exit code 124. */
export const waitUntilCommand = (seconds: number, condition: string, pause = '0.01'): string =>
  `timeout ${seconds} sh -c ${quoteShellWord(`until ${condition}; do sleep ${pause}; done`)}`;
