import type { Rule, RuleSet } from '../../../contract/acl.ts';
import type { Direction } from '../../../contract/direction.ts';
import { noPeerSets, type PeerSets } from './peer-sets.ts';
import { noTables, type Tables } from '../tables/policy-tables.ts';
import type { RuleWarning } from './unreachable-rules.ts';

/** The tables of a rule set, and what their numbers mean. Never changed once made. */
export interface Compiled {
  ruleSet: RuleSet;
  tables: Tables;
  /** By number. */
  rules: ReadonlyMap<number, NumberedRule>;
  /** By number. */
  policies: ReadonlyMap<number, Policy>;
  /** Numbers of the sets of peers that an identity is in. */
  identities: ReadonlyMap<number, readonly number[]>;
  warnings: readonly RuleWarning[];
  numbers: Numbers;
}

export interface NumberedRule {
  rule: Rule;
  /** In the rule set, from 0. */
  index: number;
  /** Number of its set of peers; 0: anyone. */
  peers: number;
}

/** Rules that hold for some pods, in one direction. */
export interface Policy {
  direction: Direction;
  /** Numbers of its rules, in the order of evaluation. */
  rules: readonly number[];
  /** Ids. */
  pods: readonly string[];
}

/** Numbers by what they stand for, so that the next tables keep them. */
export interface Numbers {
  /** By name. */
  rules: ReadonlyMap<string, number>;
  peers: PeerSets;
  /** By the sets' numbers. */
  identities: ReadonlyMap<string, number>;
  /** By direction and the rules' numbers. */
  policies: ReadonlyMap<string, number>;
  /** By content. */
  rows: ReadonlyMap<string, number>;
  /** The first row number never given. */
  nextRow: number;
}

/** What tables are to replace. */
export type Last = Pick<Compiled, 'tables' | 'numbers'>;

/**
 * Where there are no tables before.
 * @param nextRow behind all rows that the kernel may still have: a row's number never changes its meaning
 */
export const nothing = (nextRow = 1): Last => ({
  tables: noTables,
  numbers: {
    rules: new Map(),
    peers: noPeerSets,
    identities: new Map(),
    policies: new Map(),
    rows: new Map(),
    nextRow,
  },
});
