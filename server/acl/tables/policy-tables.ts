import type { Cidr } from '../../../contract/cidr.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { PolicyVerdict } from '../spec/policy-packet.ts';

/** The verdict on packets of a protocol whose port has a prefix. */
export interface PolicyTableEntry {
  /** IP protocol number; 1 stands for ICMP and ICMPv6, 0 for any protocol (the entry then holds for all ports). */
  protocol: 0 | 1 | 6 | 17 | 132;
  port: number;
  /** Length of the port prefix in bits. */
  length: number;
  /** With `default` the pod's default entries decide, as if there were no entry. */
  verdict: PolicyVerdict | 'default';
  /** Number of the deciding rule; 0: the default action. */
  rule: number;
  /** Number of the rule that logs; 0: none. */
  log: number;
}

/** The policy of a pod's packets in one direction. `policy` is 0 where no rule applies to the pod. */
export interface PodPolicy {
  policy: number;
  /** Entry list for identities that the policy has no entries for; 0: all packets are allowed. */
  defaultEntries: number;
}

/**
 * The kernel's policy tables as immutable data.
 *
 * The peer's address leads to the identity of its longest prefix (0: none), policy and identity to an entry list, and
 * protocol and port to the longest port prefix in that list. Where there is no list or no entry, or the entry says
 * `default`, the default entries decide, which contain every port.
 */
export interface PolicyTables {
  /** Identities by `cidrText` of the prefix. A prefix with the identity of the next shorter one is left out. */
  ipcache: ReadonlyMap<string, { prefix: Cidr; identity: number }>;
  /** Policies by pod id. */
  pods: ReadonlyMap<string, Readonly<Record<Direction, PodPolicy>>>;
  /** Entry lists by policy and identity. */
  policyMap: ReadonlyMap<number, ReadonlyMap<number, number>>;
  /** Entries by the list's number, which never means other entries, not even in later tables. */
  entryLists: ReadonlyMap<number, readonly PolicyTableEntry[]>;
}

export const emptyPolicyTables: PolicyTables = {
  ipcache: new Map(),
  pods: new Map(),
  policyMap: new Map(),
  entryLists: new Map(),
};
