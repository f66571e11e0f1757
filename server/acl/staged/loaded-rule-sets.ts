import { type Problem, ProblemError } from '../../../contract/problem.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import type { RuleLoadCost, RuleSetName, RuleSizes, RuleWarning } from '../../../contract/rules.ts';
import type { RuleVersionRecord, StagedRulesRecord } from '../../store/records.ts';
import type { KernelRules } from '../load/kernel-rules.ts';
import type { SelectablePod } from '../spec/pod-matching.ts';
import type { AsyncRuleCompiler } from '../worker/compiler-client.ts';
import type { PreparedRules } from '../worker/rule-compiler.ts';

/** Number of rule set generations whose rule names are kept for verdict events that arrive late. */
const keptGenerations = 16;

/** A pod of this node that access rules can apply to. */
export interface LocalPodEndpoint extends SelectablePod {
  /** Number of the pod that its slots have as owner. */
  number: number;
}

type RuleRecord = RuleVersionRecord | StagedRulesRecord;

/** A rule set that is loaded into the kernel. */
export interface LoadedRuleSet {
  rules: RuleSet;
  /** The rules of the text alone, with which `rules` begins; further ones are those of the cluster. */
  own: RuleSet;
  text: string | null;
  generation: number;
  sizes: RuleSizes;
  warnings: RuleWarning[];
  load: RuleLoadCost;
}

/** The active and the staged rule set: compiles their texts for the node's pods and loads them, one call at a time. */
export class LoadedRuleSets {
  readonly kernel: KernelRules;
  readonly #compiler: AsyncRuleCompiler;
  readonly #loaded: Record<RuleSetName, LoadedRuleSet | null> = { active: null, staged: null };
  readonly #problems: Record<RuleSetName, Problem | null> = { active: null, staged: null };
  /** Rule names by generation and rule number. */
  readonly #names: Record<RuleSetName, Map<number, Map<number, string>>> = {
    active: new Map(),
    staged: new Map(),
  };

  constructor(kernel: KernelRules, compiler: AsyncRuleCompiler) {
    this.kernel = kernel;
    this.#compiler = compiler;
  }

  loaded(set: RuleSetName): LoadedRuleSet | null {
    return this.#loaded[set];
  }

  /** Returns why a stored rule set is not loaded into the kernel; null if it is. */
  problem(set: RuleSetName): Problem | null {
    return this.#problems[set];
  }

  /**
   * Compiles and loads a text with the policies of the cluster.
   * @param text null where only the cluster has rules; if it has none for the pods, the rule set is removed
   * @param recordOf is called when only the kernel can still refuse the text; returns the record to keep beside it
   * @throws ProblemError `bad_rules`, `rules_too_large`, `kernel_refused`; the kernel is unchanged then
   */
  async apply(
    set: RuleSetName,
    text: string | null,
    pods: readonly LocalPodEndpoint[],
    recordOf: (prepared: PreparedRules) => Promise<RuleRecord>,
  ): Promise<LoadedRuleSet | null> {
    const prepared = await this.#compiler.prepare(set, text, pods, this.kernel.nextEntryList(set));
    const record = await recordOf(prepared);
    const { tables, rules, own, sizes, warnings, compileMs, names } = prepared;
    if (text === null && rules.rules.length === 0) {
      await this.remove(set);
      return null;
    }
    const numbers = new Map(pods.map(({ id, number }) => [id, number]));
    const result = await this.kernel.load(set, { tables, defaults: rules.defaults, record }, (id) =>
      numbers.get(id),
    );
    await this.#compiler.commit(set);
    const { generation, milliseconds: loadMs, written, removed } = result;
    this.#keepNames(set, generation, names);
    const before = this.#loaded[set];
    // Stays what it was when the same rules are loaded for other pods.
    const adopted = result.adopted ?? (before?.text === text ? before.load.adopted : null);
    const load = { compileMs, loadMs, written, removed, adopted };
    const loaded = { rules, own, text, generation, sizes, warnings, load };
    this.#loaded[set] = loaded;
    this.#problems[set] = null;
    return loaded;
  }

  /** Loads a rule set text that is already stored. A failure is recorded as the rule set's problem and thrown. */
  async reapply(
    set: RuleSetName,
    text: string | null,
    pods: readonly LocalPodEndpoint[],
    record: RuleRecord,
  ): Promise<void> {
    try {
      await this.apply(set, text, pods, async () => record);
    } catch (error) {
      this.setProblem(set, error);
      throw error;
    }
  }

  /** Records why a stored rule set is not loaded into the kernel. */
  setProblem(set: RuleSetName, error: unknown): void {
    this.#problems[set] = asProblem(error);
  }

  /** Removes a rule set from the kernel; without an active rule set, all traffic is allowed. */
  async remove(set: RuleSetName): Promise<void> {
    if (this.kernel.generation(set) !== null) await this.kernel.load(set, null, () => undefined);
    await this.#compiler.discard(set);
    this.#loaded[set] = null;
    this.#problems[set] = null;
  }

  /** Returns the name of a rule by its number and generation; null for the default action or an old generation. */
  ruleName(set: RuleSetName, generation: number, number: number): string | null {
    return this.#names[set].get(generation)?.get(number) ?? null;
  }

  #keepNames(set: RuleSetName, generation: number, names: Map<number, string>): void {
    const known = this.#names[set];
    known.set(generation, names);
    for (const oldest of known.keys()) if (known.size > keptGenerations) known.delete(oldest);
  }
}

/** Returns an error of loading rules as problem details. */
export const asProblem = (error: unknown): Problem =>
  (error instanceof ProblemError
    ? error
    : new ProblemError('internal', `load access rules: ${(error as Error).message}`, {
        hint: 'See the agent’s log for the cause.',
      })
  ).toProblem();
