import type { Rule, RuleSet } from '../../../contract/acl.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { RuleWarning } from '../../../contract/rules.ts';
import { emptyPolicyTables, type PolicyTables } from '../tables/policy-tables.ts';
import { emptyPeerSets, type PeerSets } from './peer-sets.ts';

/** The tables of a rule set and the meaning of the numbers in them. Immutable. */
export interface CompiledRules {
  ruleSet: RuleSet;
  tables: PolicyTables;
  /** Rules by their number in entries. */
  rules: ReadonlyMap<number, NumberedRule>;
  policies: ReadonlyMap<number, CompiledPolicy>;
  /** Peer sets that the addresses of an identity are in. */
  identities: ReadonlyMap<number, readonly number[]>;
  warnings: readonly RuleWarning[];
  ids: AllocatedIds;
}

export interface NumberedRule {
  rule: Rule;
  /** Position in the rule set, from 0. */
  index: number;
  /** Number of its peer set; 0: any peer. */
  peers: number;
}

/** The list of rules that some pods have in one direction. */
export interface CompiledPolicy {
  direction: Direction;
  /** Numbers of its rules in evaluation order. */
  rules: readonly number[];
  /** Ids of the pods. */
  pods: readonly string[];
}

/** Numbers by what they identify, so that the next compilation keeps them. */
export interface AllocatedIds {
  /** Rule numbers by rule name. */
  rules: ReadonlyMap<string, number>;
  peers: PeerSets;
  /** Identities by the numbers of their peer sets. */
  identities: ReadonlyMap<string, number>;
  /** Policies by direction and the numbers of their rules. */
  policies: ReadonlyMap<string, number>;
  /** Entry lists by content. */
  entryLists: ReadonlyMap<string, number>;
  /** First number that no entry list ever had. */
  nextEntryList: number;
}

/** Tables that a compilation is to replace. */
export type PreviousCompile = Pick<CompiledRules, 'tables' | 'ids'>;

/**
 * Returns the start for the first compilation.
 * @param nextEntryList above all lists that the kernel may still have: a list's number never changes its meaning
 */
export const createEmptyPreviousCompile = (nextEntryList = 1): PreviousCompile => ({
  tables: emptyPolicyTables,
  ids: {
    rules: new Map(),
    peers: emptyPeerSets,
    identities: new Map(),
    policies: new Map(),
    entryLists: new Map(),
    nextEntryList,
  },
});
