import { readFileSync } from 'node:fs';
import { formatIpAddressBytes } from '../netlink/ip-address.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';

/** A multicast group that was joined on an interface. */
export interface MulticastGroup {
  group: string;
  /** Number of sockets that have joined the group; a membership of the kernel itself counts as one. */
  users: number;
}

/**
 * Lists the groups joined on an interface of a namespace, without those that the kernel joins by itself: all hosts, all
 * nodes, all routers where it forwards, and the solicited nodes of its addresses. It is synchronous.
 */
export const listMulticastGroups = (namespaceFd: number, ifindex: number): MulticastGroup[] =>
  // thread-self, because /proc/net is that of the process's main thread.
  runInNetworkNamespace(namespaceFd, () => [
    ...parseProcNetIgmp(readTable('igmp'), ifindex),
    ...parseProcNetIgmp6(readTable('igmp6'), ifindex),
  ]).filter(({ group }) => !joinedByKernel(group));

const readTable = (name: string): string => {
  try {
    return readFileSync(`/proc/thread-self/net/${name}`, 'latin1');
  } catch (error) {
    // A kernel without IPv6 has no igmp6.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
};

/**
 * Parses /proc/net/igmp (net/ipv4/igmp.c): a line for each interface, `INDEX NAME : …`, then its groups, indented, each
 * address as a u32 in host order.
 */
export function parseProcNetIgmp(text: string, ifindex: number): MulticastGroup[] {
  const found: MulticastGroup[] = [];
  let wanted = false;
  for (const line of text.split('\n')) {
    if (/^\d/.test(line)) wanted = Number.parseInt(line, 10) === ifindex;
    const [, hex, users] = /^\s+([0-9A-F]{8})\s+(\d+)\s/.exec(line) ?? [];
    if (!wanted || hex === undefined) continue;
    found.push({ group: formatIpAddressBytes(Buffer.from(hex, 'hex').reverse()), users: Number(users) });
  }
  return found;
}

/** Parses /proc/net/igmp6 (net/ipv6/mcast.c), whose lines are `INDEX NAME GROUP USERS FLAGS TIMER`. */
export const parseProcNetIgmp6 = (text: string, ifindex: number): MulticastGroup[] =>
  Array.from(text.matchAll(/^(\d+)\s+\S+\s+([0-9a-f]{32})\s+(\d+)\s/gm), ([, index, hex = '', users]) => ({
    index: Number(index),
    group: formatIpAddressBytes(Buffer.from(hex, 'hex')),
    users: Number(users),
  }))
    .filter(({ index }) => index === ifindex)
    .map(({ group, users }) => ({ group, users }));

const kernelGroups = new Set(['224.0.0.1', 'ff01::1', 'ff02::1', 'ff01::2', 'ff02::2', 'ff05::2']);
const joinedByKernel = (group: string): boolean =>
  kernelGroups.has(group) || /^ff02::1:ff[0-9a-f]{2}:[0-9a-f]{1,4}$/.test(group);
