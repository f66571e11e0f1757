import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ObservedPod, ObservedPodPage, ObservedPodSummary } from '../../contract/observed-pod.ts';
import { createNamedNamespace, openNetworkNamespace } from '../../server/kernel/netns.ts';
import type { NetlinkSocket } from '../../server/netlink/socket.ts';
import { addVeth } from '../../server/netlink/veth.ts';
import type { TestNode } from './node.ts';

/** A network namespace of others on a test node. */
export interface ForeignNamespace {
  name: string;
  path: string;
  inode: number;
  /** Id that it has as an observed pod. */
  id: string;
}

/** Runs `ip` in a namespace of a test node, the host's by default. */
export const ip = (node: TestNode, words: string, netns?: string): string =>
  node.run(['ip', ...words.split(' ')], netns);

/** Makes a namespace that goes with the node; `name` is unique within it. */
export function addForeignNamespace(node: TestNode, name: string): ForeignNamespace {
  const path = node.addNamespace(name);
  const { ino } = statSync(path);
  return { name: path.replace(/^.*\//, ''), path, inode: ino, id: `ns-${ino}` };
}

/** Connects a namespace with the node by a veth pair whose ends are up, as `ptp` does. */
export function connectByVeth(
  node: TestNode,
  namespace: ForeignNamespace,
  {
    hostEnd,
    address,
    gateway,
    name = 'eth0',
  }: { hostEnd: string; address: string; gateway: string; name?: string },
): void {
  ip(node, `link add ${hostEnd} type veth peer name ${name} netns ${namespace.name}`);
  ip(node, `address add ${gateway}/32 dev ${hostEnd}`);
  ip(node, `link set ${hostEnd} up`);
  ip(node, `address add ${address}/24 dev ${name}`, namespace.path);
  ip(node, `link set ${name} up`, namespace.path);
  ip(node, `route replace ${address}/32 dev ${hostEnd}`);
}

/** Returns all observed pods that an agent lists. */
export async function listObserved(node: TestNode): Promise<ObservedPodSummary[]> {
  const items: ObservedPodSummary[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const page: ObservedPodPage = await node.ask(
      'GET',
      `/observed-pods?limit=500${next === '' ? '' : `&before=${next}`}`,
    );
    items.push(...page.items);
    next = page.next;
  }
  return items;
}

/** Returns an observed pod, or null if there is none of that id. */
export const findObserved = (node: TestNode, id: string): Promise<ObservedPod | null> =>
  node.ask<ObservedPod>('GET', `/observed-pods/${id}`).catch((error: { code?: string }) => {
    if (error.code === 'observed_pod_not_found') return null;
    throw error;
  });

/** Waits until the counters of an observed pod stand still, and returns them. */
export async function readSettledCounters(node: TestNode, id: string): Promise<ObservedPod['counters']> {
  let before: ObservedPod['counters'] = null;
  for (;;) {
    await sleep(1100);
    const now = (await findObserved(node, id))?.counters ?? null;
    if (now !== null && isDeepStrictEqual(now, before)) return now;
    before = now;
  }
}

/**
 * Makes a namespace with a veth pair to that of the socket, whose host end is up, without starting a program.
 * @returns the namespace's inode
 */
export async function addNamespaceQuickly(
  host: NetlinkSocket,
  { name, hostEnd }: { name: string; hostEnd: string },
): Promise<number> {
  const path = createNamedNamespace(name);
  using namespace = openNetworkNamespace(path);
  await addVeth(host, {
    primary: { name: hostEnd, up: true },
    peer: { name: 'eth0', netnsFd: namespace.fd },
  });
  return statSync(path).ino;
}
