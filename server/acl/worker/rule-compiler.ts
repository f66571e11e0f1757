import { ProblemError } from '../../../contract/problem.ts';
import { maxRules, type Rule, type RuleSet } from '../../../contract/rule-set.ts';
import type {
  ImportedRules,
  RuleSetName,
  RuleSizes,
  RulesPlan,
  RuleWarning,
} from '../../../contract/rules.ts';
import { type ClusterPolicy, isPolicyOfPods } from '../cluster/cluster-policy.ts';
import { compileRules } from '../compile/compile.ts';
import {
  type CompiledRules,
  createEmptyPreviousRuleCompilation,
  type PreviousRuleCompilation,
} from '../compile/compiled-rules.ts';
import { PeerIndex } from '../compile/peer-index.ts';
import { type RuleEntryFilter, RuleEntryIndex } from '../explain/entry-index.ts';
import type { ExplainedFlow } from '../explain/explained-flow.ts';
import { RuleExplainer } from '../explain/rule-explainer.ts';
import type { SelectablePod } from '../spec/pod-matching.ts';
import { diffRuleSets } from '../spec/rule-set-diff.ts';
import { ruleSizeLimits } from '../tables/policy-table-limits.ts';
import { emptyPolicyTables, type PolicyTables } from '../tables/policy-tables.ts';
import { countMapElements, diffPolicyTables } from '../tables/tables-diff.ts';
import { noText, type ParsedText, parseText } from './parsed-text.ts';

/** Number of parsed rule texts that are cached: both rule sets, and one being edited. */
const cachedTexts = 4;

interface CurrentRules {
  compiled: CompiledRules;
  parsed: ParsedText;
  pods: readonly SelectablePod[];
  index: RuleEntryIndex | null;
  explainer: RuleExplainer | null;
}

/** An imported text, without what the access rules know of the active version. */
export type ImportedText = Omit<ImportedRules, 'active'>;

/** A compiled rule text: the tables to load and their description for the API. */
export interface PreparedRules extends Pick<RulesPlan, 'rules' | 'sizes' | 'warnings' | 'compileMs'> {
  /** The rules of the text alone, with which those of `rules` begin. */
  own: RuleSet;
  tables: PolicyTables;
  /** Rule names by rule number. */
  names: Map<number, string>;
}

/**
 * Compiles rule sets and answers queries about the compiled ones. `prepare` compiles a text, and `commit` makes it the
 * rule set once the kernel has loaded it: what is kept here is what the kernel evaluates, and the next text is compiled
 * against it.
 */
export class RuleCompiler {
  readonly #parsed = new Map<string, ParsedText>();
  readonly #current: Record<RuleSetName, CurrentRules | null> = { active: null, staged: null };
  #nodeAddresses: readonly string[] = [];
  #clusterPolicies: readonly ClusterPolicy[] = [];
  readonly #peers = new PeerIndex();
  readonly #prepared: Record<RuleSetName, CurrentRules | null> = { active: null, staged: null };

  /** Sets the addresses of the node that the next compilations use for the peer `node`. */
  setNodeAddresses(addresses: readonly string[]): void {
    this.#nodeAddresses = addresses;
  }

  /** Sets the NetworkPolicies of the cluster, whose rules the next compilations add to those of a text. */
  setClusterPolicies(policies: readonly ClusterPolicy[]): void {
    this.#clusterPolicies = policies;
  }

  /** Changes the pods of other nodes. @returns whether what the rules select has changed */
  changePeers(put: readonly SelectablePod[], removed: readonly string[]): boolean {
    return this.#peers.change(put, removed);
  }

  /** Lists the pods of other nodes that rules select. */
  matchedPeers(): SelectablePod[] {
    return this.#peers.matched();
  }

  /**
   * Parses a rule set or NetworkPolicies, and compares them with the active rules.
   * @param active null where there are no rules yet
   * @throws ProblemError `bad_rules`, `rules_too_large`
   */
  import(text: string, pods: readonly SelectablePod[], active: RuleSet | null): ImportedText {
    const parsed = this.#parse(text);
    const compiled = this.#compile(parsed, pods, createEmptyPreviousRuleCompilation());
    return {
      source: parsed.source,
      rules: parsed.ruleSet,
      text,
      ...describe(compiled, parsed),
      changes: diffRuleSets(active, parsed.ruleSet),
    };
  }

  /**
   * Compiles a text and compares it with the active rules.
   * @param rule name of a rule to return with its entries
   * @throws ProblemError `bad_rules`, `rules_too_large`
   */
  plan(text: string, pods: readonly SelectablePod[], rule?: string): RulesPlan {
    const parsed = this.#parse(text);
    const { active } = this.#current;
    const start = performance.now();
    const compiled = this.#compile(parsed, pods, active?.compiled ?? createEmptyPreviousRuleCompilation());
    const compileMs = performance.now() - start;
    const diff = diffPolicyTables(active?.compiled.tables ?? emptyPolicyTables, compiled.tables);
    const plan: RulesPlan = {
      rules: parsed.ruleSet,
      ...describe(compiled, parsed),
      limits: ruleSizeLimits,
      changes: diffRuleSets(active?.parsed.ruleSet ?? null, parsed.ruleSet),
      write: { written: countMapElements(diff, 'put'), removed: countMapElements(diff, 'remove') },
      compileMs,
    };
    return rule === undefined ? plan : { ...plan, view: viewRule(compiled, parsed, pods, rule) };
  }

  /**
   * Compiles a text that is to become the rule set; an earlier prepared one is dropped.
   * @param text null where only the cluster has rules
   * @param nextEntryList above all lists that the kernel may have of the rule set
   * @throws ProblemError `bad_rules`, `rules_too_large`
   */
  prepare(
    set: RuleSetName,
    text: string | null,
    pods: readonly SelectablePod[],
    nextEntryList: number,
  ): PreparedRules {
    this.#prepared[set] = null;
    const parsed = text === null ? noText : this.#parse(text);
    const start = performance.now();
    const previous = this.#current[set]?.compiled ?? createEmptyPreviousRuleCompilation(nextEntryList);
    const compiled = this.#compile(parsed, pods, previous);
    const compileMs = performance.now() - start;
    this.#prepared[set] = { compiled, parsed, pods, index: null, explainer: null };
    const names = new Map([...compiled.rules].map(([number, { rule }]) => [number, rule.name]));
    return {
      rules: compiled.ruleSet,
      own: parsed.ruleSet,
      ...describe(compiled, parsed),
      compileMs,
      tables: compiled.tables,
      names,
    };
  }

  /** Commits the prepared text as the current rule set after the kernel has loaded it. */
  commit(set: RuleSetName): void {
    this.#current[set] = this.#prepared[set];
    this.#prepared[set] = null;
  }

  /** Discards a rule set that was removed from the kernel. */
  discard(set: RuleSetName): void {
    this.#current[set] = null;
    this.#prepared[set] = null;
  }

  /** Parses a rule text. @throws ProblemError `bad_rules` */
  ruleSet(text: string): RuleSet {
    return this.#parse(text).ruleSet;
  }

  /** Keeps a text that was parsed elsewhere, so that it is not parsed again. */
  remember(text: string, parsed: ParsedText): void {
    this.#parsed.delete(text);
    this.#parsed.set(text, parsed);
    for (const oldest of this.#parsed.keys())
      if (this.#parsed.size > cachedTexts) this.#parsed.delete(oldest);
  }

  /** Explains the decisions on a flow; returns null if the rule set is not loaded. */
  explain(set: RuleSetName, flow: ExplainedFlow) {
    const current = this.#current[set];
    if (!current) return null;
    current.explainer ??= new RuleExplainer(current.compiled, current.pods);
    return current.explainer.flow(flow);
  }

  /** Returns a page of policy table entries; null if the rule set is not loaded. */
  entries(set: RuleSetName, filter: RuleEntryFilter, from: number, limit: number) {
    return this.#index(set)?.page(filter, from, limit) ?? null;
  }

  /** Returns the entries and pods of each rule; null if the rule set is not loaded. */
  statistics(set: RuleSetName) {
    return this.#index(set)?.statistics() ?? null;
  }

  /** Returns a rule with its pods, peers and entries; null if the rule set or the rule does not exist. */
  rule(set: RuleSetName, name: string) {
    const found = this.#index(set)?.rule(name);
    return found ? { ...found, line: this.#current[set]?.parsed.lines[found.index] ?? null } : null;
  }

  #index(set: RuleSetName): RuleEntryIndex | null {
    const current = this.#current[set];
    if (current) current.index ??= new RuleEntryIndex(current.compiled, current.pods);
    return current?.index ?? null;
  }

  #compile(
    { ruleSet, lines, implied }: ParsedText,
    pods: readonly SelectablePod[],
    previous: PreviousRuleCompilation,
  ): CompiledRules {
    const lineOf = (index: number) => lines[index];
    const own = ruleSet.rules.length;
    const compiled = compileRules(this.#addClusterRules(ruleSet, pods), pods, {
      previous,
      lineOf,
      implied,
      nodeAddresses: this.#nodeAddresses,
      peers: this.#peers,
    });
    // Nobody on the node can mend what a policy of the cluster says without effect here.
    return { ...compiled, warnings: compiled.warnings.filter(({ index }) => index < own) };
  }

  /** Adds the rules of the cluster's policies that isolate pods of the node. @throws ProblemError `rules_too_large` */
  #addClusterRules(ruleSet: RuleSet, pods: readonly SelectablePod[]): RuleSet {
    if (this.#clusterPolicies.length === 0) return ruleSet;
    const byNamespace = Map.groupBy(pods, ({ namespace }) => namespace);
    const policies = this.#clusterPolicies.filter((policy) =>
      isPolicyOfPods(policy, byNamespace.get(policy.namespace) ?? []),
    );
    if (policies.length === 0) return ruleSet;
    const taken = new Set(ruleSet.rules.map(({ name }) => name));
    const added = policies.flatMap(({ rules }) =>
      rules.map((rule): Rule => (taken.has(rule.name) ? { ...rule, name: `${rule.name} (cluster)` } : rule)),
    );
    const count = ruleSet.rules.length + added.length;
    if (count > maxRules)
      throw new ProblemError(
        'rules_too_large',
        `the NetworkPolicies of the cluster have ${added.length} rules for pods of this node, with those of the active text ${count}; the limit is ${maxRules}`,
        { hint: 'Select pods of fewer nodes by each policy, or remove policies that say the same.' },
      );
    return { ...ruleSet, rules: [...ruleSet.rules, ...added] };
  }

  #parse(text: string): ParsedText {
    const parsed = this.#parsed.get(text) ?? parseText(text);
    this.remember(text, parsed);
    return parsed;
  }
}

function describe(
  { ruleSet, tables, policies, identities, warnings }: CompiledRules,
  { notes, lines }: ParsedText,
) {
  const sum = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0);
  const sizes: RuleSizes = {
    rules: ruleSet.rules.length,
    prefixes: tables.ipcache.size,
    identities: identities.size - 1,
    policies: policies.size,
    policyEntries: sum([...tables.policyMap.values()].map((lists) => lists.size)),
    entryLists: tables.entryLists.size,
    entries: sum([...tables.entryLists.values()].map((entries) => entries.length)),
  };
  const noted = notes.map(({ index, message }): RuleWarning => {
    const line = lines[index];
    return {
      rule: ruleSet.rules[index]?.name ?? '',
      index,
      message,
      ...(line === undefined ? {} : { line }),
    };
  });
  return { sizes, warnings: [...noted, ...warnings] };
}

/** Returns the API description of a compiled rule, with null for all packet counts. */
function viewRule(
  compiled: CompiledRules,
  parsed: ParsedText,
  pods: readonly SelectablePod[],
  name: string,
): RulesPlan['view'] {
  const found = new RuleEntryIndex(compiled, pods).rule(name);
  if (!found) return null;
  const entries = found.entries.map((entry) => ({ ...entry, packets: null }));
  const source = found.index < parsed.ruleSet.rules.length ? 'text' : 'kubernetes';
  return { set: 'active', source, ...found, line: parsed.lines[found.index] ?? null, entries, packets: null };
}
