import type { Direction } from '../../../contract/direction.ts';
import { type Cidr, cidrText } from '../../../contract/cidr.ts';
import type { Verdict } from '../spec/policy-packet.ts';

/** An entry of a row: what it says to packets of a protocol whose port has the prefix. */
export interface RowEntry {
  /** As in the key: 1 is ICMP and ICMPv6, 0 any protocol (and then the entry says it for all ports). */
  protocol: 0 | 1 | 6 | 17 | 132;
  port: number;
  /** Bits of `port` that count. */
  length: number;
  /** `pass`: the base row is asked, as if there were no entry. */
  verdict: Verdict | 'pass';
  /** Number of the deciding rule; 0: the default decided. */
  rule: number;
  /** Number of the rule that logs; 0: none. */
  log: number;
}

/** Who judges a pod's packets of one direction. `policy` 0: no rule does. */
export interface PodPolicy {
  policy: number;
  /** The row for addresses of which the policy says nothing of their own. 0: all packets pass. */
  base: number;
}

/**
 * What the kernel looks up, as data. Never changed once made.
 *
 * The peer's address → the identity of its longest prefix (0: none) → the row that the pod's policy has for it →
 * the longest entry of the row for protocol and port; where there is no row, no entry or the entry passes on, the
 * longest entry of the base row, which always has one.
 */
export interface Tables {
  /** By `cidrText`. Of equal identity with the next shorter prefix there is none. */
  prefixes: ReadonlyMap<string, { prefix: Cidr; identity: number }>;
  /** By pod id. */
  pods: ReadonlyMap<string, Readonly<Record<Direction, PodPolicy>>>;
  /** Row by policy and identity. */
  assignments: ReadonlyMap<number, ReadonlyMap<number, number>>;
  /** A row's number never means another content, not even in later tables. */
  rows: ReadonlyMap<number, readonly RowEntry[]>;
}

export const noTables: Tables = {
  prefixes: new Map(),
  pods: new Map(),
  assignments: new Map(),
  rows: new Map(),
};

/** Keys to be written, new or changed, and keys to be removed once nobody looks at the old tables any more. */
export interface TablesDiff {
  prefixes: { put: { prefix: Cidr; identity: number }[]; remove: Cidr[] };
  pods: { put: [pod: string, policies: Readonly<Record<Direction, PodPolicy>>][]; remove: string[] };
  assignments: {
    put: [policy: number, identity: number, row: number][];
    remove: [policy: number, identity: number][];
  };
  rows: { put: [row: number, entries: readonly RowEntry[]][]; remove: [row: number, RowEntry[]][] };
}

/** What leads from one to the other. */
export function diffTables(from: Tables, to: Tables): TablesDiff {
  const diff: TablesDiff = {
    prefixes: { put: [], remove: [] },
    pods: { put: [], remove: [] },
    assignments: { put: [], remove: [] },
    rows: { put: [], remove: [] },
  };
  for (const [key, entry] of to.prefixes)
    if (from.prefixes.get(key)?.identity !== entry.identity) diff.prefixes.put.push(entry);
  for (const [key, { prefix }] of from.prefixes) if (!to.prefixes.has(key)) diff.prefixes.remove.push(prefix);

  for (const [pod, policies] of to.pods) {
    const old = from.pods.get(pod);
    if (!old || !samePolicy(old.ingress, policies.ingress) || !samePolicy(old.egress, policies.egress))
      diff.pods.put.push([pod, policies]);
  }
  for (const pod of from.pods.keys()) if (!to.pods.has(pod)) diff.pods.remove.push(pod);

  for (const [policy, rows] of to.assignments) {
    const old = from.assignments.get(policy);
    for (const [identity, row] of rows)
      if (old?.get(identity) !== row) diff.assignments.put.push([policy, identity, row]);
  }
  for (const [policy, rows] of from.assignments) {
    const now = to.assignments.get(policy);
    for (const identity of rows.keys())
      if (!now?.has(identity)) diff.assignments.remove.push([policy, identity]);
  }

  for (const [row, entries] of to.rows) if (!from.rows.has(row)) diff.rows.put.push([row, entries]);
  for (const [row, entries] of from.rows) if (!to.rows.has(row)) diff.rows.remove.push([row, [...entries]]);
  return diff;
}

const samePolicy = (a: PodPolicy, b: PodPolicy): boolean => a.policy === b.policy && a.base === b.base;

/** The tables that a difference leads to; `from` stays as it is. */
export function applyDiff(from: Tables, { prefixes, pods, assignments, rows }: TablesDiff): Tables {
  const next = {
    prefixes: new Map(from.prefixes),
    pods: new Map(from.pods),
    assignments: new Map([...from.assignments].map(([policy, rows]) => [policy, new Map(rows)])),
    rows: new Map(from.rows),
  };
  for (const entry of prefixes.put) next.prefixes.set(cidrText(entry.prefix), entry);
  for (const prefix of prefixes.remove) next.prefixes.delete(cidrText(prefix));
  for (const [pod, policies] of pods.put) next.pods.set(pod, policies);
  for (const pod of pods.remove) next.pods.delete(pod);
  for (const [policy, identity] of assignments.remove) {
    next.assignments.get(policy)?.delete(identity);
    if (next.assignments.get(policy)?.size === 0) next.assignments.delete(policy);
  }
  for (const [policy, identity, row] of assignments.put) {
    if (!next.assignments.has(policy)) next.assignments.set(policy, new Map());
    next.assignments.get(policy)!.set(identity, row);
  }
  for (const [row, entries] of rows.put) next.rows.set(row, entries);
  for (const [row] of rows.remove) next.rows.delete(row);
  return next;
}

/** Entries of kernel maps that a difference touches, and those that the tables have. */
export function diffSize({ prefixes, pods, assignments, rows }: TablesDiff): number {
  const kinds = [prefixes, pods, assignments] as { put: unknown[]; remove: unknown[] }[];
  const entries = [...rows.put, ...rows.remove].reduce((sum, [, entries]) => sum + entries.length, 0);
  return kinds.reduce((sum, { put, remove }) => sum + put.length + remove.length, entries);
}
export const tablesSize = (tables: Tables): number => diffSize(diffTables(noTables, tables));
