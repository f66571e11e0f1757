import type { RuleSet } from '../../../contract/acl.ts';
import type { Problem } from '../../../contract/problem.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { RuleLoad, RuleSizes, RuleWarning, WhichRules } from '../../../contract/rules.ts';
import type { Staged } from '../worker/rule-compiler.ts';
import type { RuleKernel } from '../load/kernel-rules.ts';
import type { Remote } from '../worker/compiler-client.ts';
import type { AclPod } from '../spec/pod-selector.ts';

/** Generations whose rules' names are remembered: events of packets that they judged may still come. */
const remembered = 16;

/** A pod of this node. */
export interface JudgedPod extends AclPod {
  /** The owner of its slots. */
  number: number;
}

/** A set as the kernel judges by it. */
export interface Judged {
  rules: RuleSet;
  text: string;
  generation: number;
  sizes: RuleSizes;
  warnings: RuleWarning[];
  load: RuleLoad;
}

/** The two sets in the kernel: compiles texts for the pods and loads them. Calls are to be made one after the other. */
export class Judging {
  readonly #kernel: RuleKernel;
  readonly #compiler: Remote;
  readonly #judged: Record<WhichRules, Judged | null> = { active: null, draft: null };
  /** Why the kernel does not judge by what it should. */
  readonly #problems: Record<WhichRules, Problem | null> = { active: null, draft: null };
  readonly #names: Record<WhichRules, Map<number, Map<number, string>>> = {
    active: new Map(),
    draft: new Map(),
  };

  constructor(kernel: RuleKernel, compiler: Remote) {
    this.#kernel = kernel;
    this.#compiler = compiler;
  }

  get kernel(): RuleKernel {
    return this.#kernel;
  }

  judged(set: WhichRules): Judged | null {
    return this.#judged[set];
  }

  problem(set: WhichRules): Problem | null {
    return this.#problems[set];
  }

  /**
   * Makes the kernel judge by a text.
   * @param beforeLoad is called when nothing but the kernel can refuse the text any more
   * @throws ProblemError `bad_rules`, `rules_too_large`, `kernel_refused`; the kernel goes on as before
   */
  async put(
    set: WhichRules,
    text: string,
    pods: readonly JudgedPod[],
    beforeLoad: (staged: Staged) => Promise<void> = async () => {},
  ): Promise<Judged> {
    const staged = await this.#compiler.stage(set, text, pods, this.#kernel.nextRow(set));
    await beforeLoad(staged);
    const numbers = new Map(pods.map(({ id, number }) => [id, number]));
    const { tables, rules, sizes, warnings, compileMs, names } = staged;
    const loaded = await this.#kernel.load(set, { tables, defaults: rules.defaults }, (id) =>
      numbers.get(id),
    );
    await this.#compiler.keep(set);
    const { generation, milliseconds: loadMs, written, removed } = loaded;
    this.#remember(set, generation, names);
    const load = { compileMs, loadMs, written, removed };
    const judged = { rules, text, generation, sizes, warnings, load };
    this.#judged[set] = judged;
    this.#problems[set] = null;
    return judged;
  }

  /** As `put`, of what is wanted already: a failure is remembered, and thrown. */
  async again(set: WhichRules, text: string, pods: readonly JudgedPod[]): Promise<void> {
    try {
      await this.put(set, text, pods);
    } catch (error) {
      this.#problems[set] = problemOf(error);
      throw error;
    }
  }

  /** The set is no more: without an active one all packets pass. */
  async takeAway(set: WhichRules): Promise<void> {
    if (this.#kernel.generation(set) !== null) await this.#kernel.load(set, null, () => undefined);
    await this.#compiler.drop(set);
    this.#judged[set] = null;
    this.#problems[set] = null;
  }

  /** Name of a rule by the number that an entry or event of that generation has; null: the default, or long ago. */
  ruleName(set: WhichRules, generation: number, number: number): string | null {
    return this.#names[set].get(generation)?.get(number) ?? null;
  }

  #remember(set: WhichRules, generation: number, names: Map<number, string>): void {
    const known = this.#names[set];
    known.set(generation, names);
    for (const old of known.keys()) if (known.size > remembered) known.delete(old);
  }
}

const problemOf = (error: unknown): Problem =>
  (error instanceof ProblemError
    ? error
    : new ProblemError('internal', `put access rules in force: ${(error as Error).message}`, {
        hint: 'The agent’s log has the cause.',
      })
  ).toProblem();
