import type { Cidr } from '../../../contract/cidr.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { PolicyVerdict } from '../spec/policy-packet.ts';

/** Policy table entry: the verdict on packets of a protocol whose port matches a prefix. */
export interface PolicyTableEntry {
  /** IP protocol number; 1 means ICMP and ICMPv6, 0 means any protocol and any port. */
  protocol: 0 | 1 | 6 | 17 | 132;
  port: number;
  /** Length of the port prefix in bits, from 0 (all ports) to 16 (one port). */
  length: number;
  /** Verdict of the entry; `default` means that the pod's default entries decide. */
  verdict: PolicyVerdict | 'default';
  /** Number of the deciding rule; 0 means the default action. */
  rule: number;
  /** Number of the log rule that matches first; 0 means that no rule logs. */
  log: number;
}

/** A pod's policy in one direction. `policy` is 0 if no rule applies to the pod. */
export interface PodPolicy {
  policy: number;
  /** Number of the entry list for identities without entries in the policy; 0 means that all packets are allowed. */
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
  /** Prefixes and identities by CIDR text. A prefix with the same identity as its next shorter prefix is omitted. */
  ipcache: ReadonlyMap<string, { prefix: Cidr; identity: number }>;
  /** Ingress and egress policies of each pod, by pod id. */
  pods: ReadonlyMap<string, Readonly<Record<Direction, PodPolicy>>>;
  /** Numbers of entry lists, by policy and identity. */
  policyMap: ReadonlyMap<number, ReadonlyMap<number, number>>;
  /** Entries by entry list number. A number is never reused for other entries. */
  entryLists: ReadonlyMap<number, readonly PolicyTableEntry[]>;
}

export const emptyPolicyTables: PolicyTables = {
  ipcache: new Map(),
  pods: new Map(),
  policyMap: new Map(),
  entryLists: new Map(),
};
