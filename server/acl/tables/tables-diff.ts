import type { Cidr } from '../../../contract/cidr.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { PodPolicy, PolicyTableEntry, PolicyTables } from './policy-tables.ts';

/** Map elements to write, and keys to remove once no packet is evaluated by the old tables. */
export interface PolicyTablesDiff {
  ipcache: { put: { prefix: Cidr; identity: number }[]; remove: Cidr[] };
  pods: { put: [pod: string, policies: Readonly<Record<Direction, PodPolicy>>][]; remove: string[] };
  policyMap: {
    put: [policy: number, identity: number, entryList: number][];
    remove: [policy: number, identity: number][];
  };
  entryLists: {
    put: [entryList: number, entries: readonly PolicyTableEntry[]][];
    remove: [entryList: number, entries: PolicyTableEntry[]][];
  };
}

/** Computes the map elements that differ between two sets of policy tables. */
export function diffPolicyTables(from: PolicyTables, to: PolicyTables): PolicyTablesDiff {
  const diff: PolicyTablesDiff = {
    ipcache: { put: [], remove: [] },
    pods: { put: [], remove: [] },
    policyMap: { put: [], remove: [] },
    entryLists: { put: [], remove: [] },
  };
  for (const [key, entry] of to.ipcache)
    if (from.ipcache.get(key)?.identity !== entry.identity) diff.ipcache.put.push(entry);
  for (const [key, { prefix }] of from.ipcache) if (!to.ipcache.has(key)) diff.ipcache.remove.push(prefix);

  for (const [pod, policies] of to.pods) {
    const old = from.pods.get(pod);
    if (!old || !isSamePolicy(old.ingress, policies.ingress) || !isSamePolicy(old.egress, policies.egress))
      diff.pods.put.push([pod, policies]);
  }
  for (const pod of from.pods.keys()) if (!to.pods.has(pod)) diff.pods.remove.push(pod);

  for (const [policy, lists] of to.policyMap) {
    const old = from.policyMap.get(policy);
    for (const [identity, list] of lists)
      if (old?.get(identity) !== list) diff.policyMap.put.push([policy, identity, list]);
  }
  for (const [policy, lists] of from.policyMap) {
    const kept = to.policyMap.get(policy);
    for (const identity of lists.keys())
      if (!kept?.has(identity)) diff.policyMap.remove.push([policy, identity]);
  }

  for (const [list, entries] of to.entryLists)
    if (!from.entryLists.has(list)) diff.entryLists.put.push([list, entries]);
  for (const [list, entries] of from.entryLists)
    if (!to.entryLists.has(list)) diff.entryLists.remove.push([list, [...entries]]);
  return diff;
}

const isSamePolicy = (a: PodPolicy, b: PodPolicy): boolean =>
  a.policy === b.policy && a.defaultEntries === b.defaultEntries;

/** Returns the number of map elements that a difference between policy tables writes (`put`) or removes. */
export function countMapElements(
  { ipcache, pods, policyMap, entryLists }: PolicyTablesDiff,
  change: 'put' | 'remove',
): number {
  const lists: readonly [unknown, readonly PolicyTableEntry[]][] = entryLists[change];
  const entries = lists.reduce((sum, [, entries]) => sum + entries.length, 0);
  return ipcache[change].length + pods[change].length + policyMap[change].length + entries;
}
