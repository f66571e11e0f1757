import { addressText } from '../../contract/cidr.ts';
import { ProblemError } from '../../contract/problem.ts';
import type {
  ExplainQuestion,
  Explanation,
  RuleEntries,
  RuleStatistics,
  RuleView,
  WhichRules,
} from '../../contract/rules.ts';
import { noDraft } from './rule-responses.ts';
import type { EntryFilter } from './explain/entry-index.ts';
import type { Explanation as End } from './explain/explainer.ts';
import type { JudgedPod, Judging } from './staged/loaded-rule-sets.ts';
import { flowOf, flowText } from './explain/flow.ts';
import type { Remote } from './worker/compiler-client.ts';
import type { AclPod } from './spec/pod-selector.ts';
import { Tally } from './explain/entry-hits.ts';

/** What is asked of the rules that judge: the compiler knows what entries mean, the kernel how often they were hit. */
export class RuleViews {
  readonly #judging: Judging;
  readonly #compiler: Remote;
  readonly #pods: ReadonlyMap<string, JudgedPod>;
  readonly #tallies: Record<WhichRules, Tally>;
  /** Addresses whose packets towards pods are not judged. */
  #nodeAddresses: ReadonlySet<string> = new Set();

  constructor(judging: Judging, compiler: Remote, pods: ReadonlyMap<string, JudgedPod>) {
    this.#judging = judging;
    this.#compiler = compiler;
    this.#pods = pods;
    const tally = (set: WhichRules) => new Tally(() => judging.kernel.hits(set));
    this.#tallies = { active: tally('active'), draft: tally('draft') };
  }

  /** The set's tables are others. */
  forget(set: WhichRules): void {
    this.#tallies[set].forget();
  }

  setNodeAddresses(addresses: readonly string[]): void {
    this.#nodeAddresses = new Set(addresses);
  }

  /** @param rule name @param pod id @throws ProblemError `no_draft`, `rule_not_found` */
  async entries(set: WhichRules, filter: EntryFilter, from: number, limit: number): Promise<RuleEntries> {
    if (filter.rule !== undefined) await this.#known(set, filter.rule);
    const found = await this.#compiler.entries(set, filter, from, limit);
    if (!found) return this.#none(set, { items: [], total: 0, next: null });
    const { items, total, next } = found;
    return { items: this.#tallies[set].entries(items), total, next: next === null ? null : String(next) };
  }

  /** @throws ProblemError `no_draft` */
  async statistics(set: WhichRules): Promise<RuleStatistics> {
    const generation = this.#judging.kernel.generation(set) ?? 0;
    const found = await this.#compiler.statistics(set);
    if (!found) return this.#none(set, { generation, items: [], defaults: { entries: 0, packets: null } });
    const packets = this.#tallies[set].byRule();
    return {
      generation,
      items: found.items.map(({ number, ...item }) => ({ ...item, packets: packets.get(number) ?? 0 })),
      defaults: { entries: found.defaults, packets: packets.get(0) ?? 0 },
    };
  }

  /** @throws ProblemError `no_draft`, `rule_not_found` */
  async rule(set: WhichRules, name: string): Promise<RuleView> {
    const found = await this.#known(set, name);
    const packets = this.#tallies[set].byRule().get(found.number) ?? 0;
    return { ...found, set, entries: this.#tallies[set].entries(found.entries), packets };
  }

  /** @throws ProblemError `no_draft`, `unprocessable` */
  async explain(question: ExplainQuestion): Promise<Explanation> {
    const { set } = question;
    const flow = flowOf(question, (name) => this.#pod(name));
    const told = { set, ...flowText(flow) };
    const found = await this.#compiler.explain(set, flow);
    if (!found) {
      const open = { verdict: 'allow' as const, egress: null, ingress: null };
      return this.#none(set, { ...told, ...open, note: 'no access rules are in force: all packets pass' });
    }
    const { egress, ingress, verdict } = found;
    if (!ingress || !this.#nodeAddresses.has(addressText(flow.source)))
      return { ...told, verdict, note: null, egress: this.#end(egress), ingress: this.#end(ingress) };
    const note = 'it comes from the node itself: what does so is not judged towards pods';
    return { ...told, verdict: 'allow', note, egress: null, ingress: null };
  }

  #end(end: End | null): Explanation['egress'] {
    if (!end) return null;
    const { namespace, name } = this.#pods.get(end.pod) ?? { namespace: '', name: end.pod };
    return { ...end, pod: { id: end.pod, namespace, name } };
  }

  async #known(set: WhichRules, name: string) {
    const found = await this.#compiler.rule(set, name);
    if (found) return found;
    this.#none(set, null);
    throw new ProblemError('rule_not_found', `there is no rule ${JSON.stringify(name)} in the ${set} rules`, {
      hint: `GET /api/v1/rules${set === 'draft' ? '/draft' : ''} lists the rules`,
    });
  }

  /** The answer where there are no rules; of the draft, that there is none. */
  #none<T>(set: WhichRules, answer: T): T {
    if (set === 'draft' && !this.#judging.judged('draft')) throw noDraft();
    return answer;
  }

  #pod(name: string): AclPod | undefined {
    const byId = this.#pods.get(name);
    return byId ?? [...this.#pods.values()].find((pod) => `${pod.namespace}.${pod.name}` === name);
  }
}
