import type { Direction } from '../../../contract/direction.ts';
import type { PortRange, Rule, RuleSet } from '../../../contract/rule-set.ts';
import type { RuleWarning } from '../../../contract/rules.ts';
import { emptyPolicyTables, type PolicyTables } from '../tables/policy-tables.ts';
import { emptyPeerSets, type PeerSets } from './peer-sets.ts';

/** The compiled tables of a rule set and the meaning of the numbers in the tables. Immutable. */
export interface CompiledRules {
  ruleSet: RuleSet;
  tables: PolicyTables;
  /** Rules by the number that entries refer to them by. */
  rules: ReadonlyMap<number, NumberedRule>;
  policies: ReadonlyMap<number, CompiledPolicy>;
  /** Peer set numbers of each identity. */
  identities: ReadonlyMap<number, readonly number[]>;
  warnings: readonly RuleWarning[];
  ids: AssignedRuleTableIds;
}

export interface NumberedRule {
  rule: Rule;
  /** Index of the rule in the rule set, from 0. */
  index: number;
  /** What it says by number: one variant if it names no port, none if no pod has the port that it names. */
  variants: readonly NumberedVariant[];
}

export interface NumberedVariant {
  /** Number of the variant's peer set; 0 for any peer. */
  peers: number;
  ports: readonly PortRange[];
  /** Ids of the pods that it applies to; null: all subjects of the rule. */
  pods: ReadonlySet<string> | null;
}

/** The list of rules that a group of pods has in one direction. */
export interface CompiledPolicy {
  direction: Direction;
  /** Rule numbers in evaluation order. */
  rules: readonly number[];
  /** Ids of the pods that have the policy. */
  pods: readonly string[];
}

/** Numbers that a compilation assigned, so that the next compilation can keep them. */
export interface AssignedRuleTableIds {
  /** Rule numbers by rule name. */
  rules: ReadonlyMap<string, number>;
  peers: PeerSets;
  /** Identities by the numbers of their peer sets, joined as text. */
  identities: ReadonlyMap<string, number>;
  /** Policy numbers by direction and rule numbers, joined as text. */
  policies: ReadonlyMap<string, number>;
  /** Entry list numbers by the content of the list. */
  entryLists: ReadonlyMap<string, number>;
  /** First entry list number that was never used. */
  nextEntryList: number;
}

/** Result of the previous compilation, which the next one replaces. */
export type PreviousRuleCompilation = Pick<CompiledRules, 'tables' | 'ids'>;

/**
 * Returns the start for the first compilation.
 * @param nextEntryList above all lists that the kernel may still have: a list's number never changes its meaning
 */
export const createEmptyPreviousRuleCompilation = (nextEntryList = 1): PreviousRuleCompilation => ({
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
