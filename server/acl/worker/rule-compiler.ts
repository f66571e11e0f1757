import type { RuleSet } from '../../../contract/acl.ts';
import type { ImportedRules, RuleSizes, RulesPlan, WhichRules } from '../../../contract/rules.ts';
import { ruleChanges } from '../spec/rule-set-diff.ts';
import { compile } from '../compile/compile.ts';
import { type Compiled, nothing } from '../compile/compiled-rules.ts';
import { type EntryFilter, EntryIndex } from '../explain/entry-index.ts';
import { Explainer, type Flow } from '../explain/explainer.ts';
import { ruleLimits } from '../tables/limits.ts';
import type { AclPod } from '../spec/pod-selector.ts';
import { diffTables, noTables, type Tables, type TablesDiff } from '../tables/policy-tables.ts';
import { readRules, writeRules } from '../spec/rule-yaml.ts';

/** Texts whose reading is remembered: the sets', and one that is being written. */
const remembered = 4;

interface Read {
  ruleSet: RuleSet;
  /** Line on which each rule begins. */
  lines: (number | undefined)[];
  source: ImportedRules['source'];
}

interface Held {
  compiled: Compiled;
  read: Read;
  pods: readonly AclPod[];
  index: EntryIndex | null;
  explainer: Explainer | null;
}

/** What a text became: tables to load, and what to tell of them. */
export interface Staged extends Pick<RulesPlan, 'rules' | 'sizes' | 'warnings' | 'compileMs'> {
  tables: Tables;
  /** Rules' names by number. */
  names: Map<number, string>;
}

/**
 * Holds both sets as they were compiled last, for what is asked of them. What is staged becomes the set when it is
 * kept: a set is always what the kernel judges by, and the next one is compiled against it. Pure but for its memory.
 */
export class Compiler {
  readonly #read = new Map<string, Read>();
  readonly #held: Record<WhichRules, Held | null> = { active: null, draft: null };
  readonly #staged: Record<WhichRules, Held | null> = { active: null, draft: null };

  /** Reads rules, ours or NetworkPolicies. @throws ProblemError `bad_rules`, `rules_too_large` */
  import(text: string, pods: readonly AclPod[]): ImportedRules {
    const read = this.#readText(text);
    const { sizes, warnings } = told(compileRead(read, pods, nothing()));
    return { source: read.source, rules: read.ruleSet, text: ownText(text, read), sizes, warnings };
  }

  /**
   * What would become of a text in place of the active rules.
   * @param rule name of one to be shown with its entries
   * @throws ProblemError `bad_rules`, `rules_too_large`
   */
  plan(text: string, pods: readonly AclPod[], rule?: string): RulesPlan {
    const read = this.#readText(text);
    const { active } = this.#held;
    const start = performance.now();
    const compiled = compileRead(read, pods, active?.compiled ?? nothing());
    const compileMs = performance.now() - start;
    const diff = diffTables(active?.compiled.tables ?? noTables, compiled.tables);
    return {
      rules: read.ruleSet,
      ...told(compiled),
      limits: ruleLimits,
      changes: ruleChanges(active?.read.ruleSet ?? null, read.ruleSet),
      write: { written: countOf(diff, 'put'), removed: countOf(diff, 'remove') },
      compileMs,
      ...(rule === undefined ? {} : { view: planned(compiled, read, pods, rule) }),
    };
  }

  /**
   * Compiles a text to be the set.
   * @param nextRow behind all rows that the kernel may have of the set
   * @throws ProblemError `bad_rules`, `rules_too_large`; what was staged before is forgotten
   */
  stage(set: WhichRules, text: string, pods: readonly AclPod[], nextRow: number): Staged {
    this.#staged[set] = null;
    const read = this.#readText(text);
    const start = performance.now();
    const compiled = compileRead(read, pods, this.#held[set]?.compiled ?? nothing(nextRow));
    const compileMs = performance.now() - start;
    this.#staged[set] = { compiled, read, pods, index: null, explainer: null };
    const names = new Map([...compiled.rules].map(([number, { rule }]) => [number, rule.name]));
    return { rules: read.ruleSet, ...told(compiled), compileMs, tables: compiled.tables, names };
  }

  /** What was staged is in the kernel. */
  keep(set: WhichRules): void {
    this.#held[set] = this.#staged[set];
    this.#staged[set] = null;
  }

  /** The set is no longer in the kernel. */
  drop(set: WhichRules): void {
    this.#held[set] = null;
    this.#staged[set] = null;
  }

  /** The rules of a text. @throws ProblemError `bad_rules` */
  ruleSet(text: string): RuleSet {
    return this.#readText(text).ruleSet;
  }

  /** As it is kept: a text of ours as it was written, of NetworkPolicies what was made of them. */
  ownText(text: string): string {
    return ownText(text, this.#readText(text));
  }

  /** @returns null when there is no such set */
  explain(set: WhichRules, flow: Flow) {
    const held = this.#held[set];
    if (!held) return null;
    held.explainer ??= new Explainer(held.compiled, held.pods);
    return held.explainer.flow(flow);
  }

  /** @returns null when there is no such set */
  entries(set: WhichRules, filter: EntryFilter, from: number, limit: number) {
    return this.#index(set)?.page(filter, from, limit) ?? null;
  }

  /** @returns null when there is no such set */
  statistics(set: WhichRules) {
    return this.#index(set)?.statistics() ?? null;
  }

  /** @returns null when there is no such set, or no rule of the name */
  rule(set: WhichRules, name: string) {
    const found = this.#index(set)?.rule(name);
    return found ? { ...found, line: this.#held[set]?.read.lines[found.index] ?? null } : null;
  }

  #index(set: WhichRules): EntryIndex | null {
    const held = this.#held[set];
    if (held) held.index ??= new EntryIndex(held.compiled, held.pods);
    return held?.index ?? null;
  }

  #readText(text: string): Read {
    const known = this.#read.get(text);
    this.#read.delete(text);
    const read = known ?? readText(text);
    this.#read.set(text, read);
    for (const old of this.#read.keys()) if (this.#read.size > remembered) this.#read.delete(old);
    return read;
  }
}

/** The lines are taken out, so that the text's tree is not kept. */
function readText(text: string): Read {
  const { ruleSet, lineOf, source } = readRules(text);
  return { ruleSet, source, lines: ruleSet.rules.map((_, index) => lineOf(index)) };
}

const compileRead = (
  { ruleSet, lines }: Read,
  pods: readonly AclPod[],
  last: ReturnType<typeof nothing>,
): Compiled => compile(ruleSet, pods, { last, lineOf: (index) => lines[index] });

function told({ ruleSet, tables, policies, identities, warnings }: Compiled) {
  const all = (parts: Iterable<{ size: number } | { length: number }>): number =>
    [...parts].reduce((sum, part) => sum + ('size' in part ? part.size : part.length), 0);
  const sizes: RuleSizes = {
    rules: ruleSet.rules.length,
    prefixes: tables.prefixes.size,
    identities: identities.size - 1,
    policies: policies.size,
    assignments: all(tables.assignments.values()),
    rows: tables.rows.size,
    entries: all(tables.rows.values()),
  };
  return { sizes, warnings: [...warnings] };
}

/** A rule as it would be: nothing has come to its entries. */
function planned(compiled: Compiled, read: Read, pods: readonly AclPod[], name: string): RulesPlan['view'] {
  const found = new EntryIndex(compiled, pods).rule(name);
  if (!found) return null;
  const entries = found.entries.map((entry) => ({ ...entry, packets: null }));
  return { set: 'active', ...found, line: read.lines[found.index] ?? null, entries, packets: null };
}

const ownText = (text: string, { ruleSet, source }: Read): string =>
  source === 'rules' ? text : writeRules(ruleSet);

/** Entries of kernel maps that are written, or removed. */
function countOf({ prefixes, pods, assignments, rows }: TablesDiff, what: 'put' | 'remove'): number {
  const entries = (rows[what] as [number, readonly unknown[]][]).reduce(
    (sum, [, entries]) => sum + entries.length,
    0,
  );
  return prefixes[what].length + pods[what].length + assignments[what].length + entries;
}
