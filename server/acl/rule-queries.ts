import { formatIpAddress, type IpAddress, parseAddress } from '../../contract/cidr.ts';
import { ProblemError } from '../../contract/problem.ts';
import type {
  ExplainRequest,
  RuleEntries,
  RuleExplanation,
  RuleSetName,
  RuleStatistics,
  RuleView,
} from '../../contract/rules.ts';
import { RuleEntryHitCounts } from './explain/entry-hits.ts';
import type { RuleEntryFilter } from './explain/entry-index.ts';
import { formatExplainedFlow, resolveExplainedFlow } from './explain/explained-flow.ts';
import { findFlowTranslation, translateFlow } from './explain/flow-translation.ts';
import type { PodExplanation } from './explain/rule-explainer.ts';
import type { SelectablePod } from './spec/pod-matching.ts';
import type { LoadedRuleSets, LocalPodEndpoint } from './staged/loaded-rule-sets.ts';
import { createNoStagedRulesError } from './staged/staged-rules.ts';
import type { AsyncRuleCompiler } from './worker/compiler-client.ts';

/** Queries about the loaded rules, with the hit counts from the kernel. */
export class RuleQueries {
  readonly #sets: LoadedRuleSets;
  readonly #compiler: AsyncRuleCompiler;
  readonly #pods: ReadonlyMap<string, LocalPodEndpoint>;
  readonly #hits: Record<RuleSetName, RuleEntryHitCounts>;
  /** Addresses of the node; packets from them to pods are allowed without evaluation. */
  #nodeAddresses: ReadonlySet<string> = new Set();

  constructor(
    sets: LoadedRuleSets,
    compiler: AsyncRuleCompiler,
    pods: ReadonlyMap<string, LocalPodEndpoint>,
  ) {
    this.#sets = sets;
    this.#compiler = compiler;
    this.#pods = pods;
    const hitsOf = (set: RuleSetName) => new RuleEntryHitCounts(() => sets.kernel.hits(set));
    this.#hits = { active: hitsOf('active'), staged: hitsOf('staged') };
  }

  /** Discards the cached hit counts after the tables of a rule set were replaced. */
  invalidate(set: RuleSetName): void {
    this.#hits[set].invalidate();
  }

  setNodeAddresses(addresses: readonly string[]): void {
    this.#nodeAddresses = new Set(addresses);
  }

  /**
   * Returns a page of the policy table entries of a rule set.
   * @throws ProblemError `no_staged_rules`, `rule_not_found`
   */
  async entries(
    set: RuleSetName,
    filter: RuleEntryFilter,
    from: number,
    limit: number,
  ): Promise<RuleEntries> {
    if (filter.rule !== undefined) await this.#findRule(set, filter.rule);
    const found = await this.#compiler.entries(set, filter, from, limit);
    if (!found) return this.#withoutRules(set, { items: [], total: 0, next: null });
    const { items, total, next } = found;
    return { items: this.#hits[set].entries(items), total, next: next === null ? null : String(next) };
  }

  /** Returns the entries, pods and packets of each rule of a rule set. @throws ProblemError `no_staged_rules` */
  async statistics(set: RuleSetName): Promise<RuleStatistics> {
    const generation = this.#sets.kernel.generation(set) ?? 0;
    const found = await this.#compiler.statistics(set);
    if (!found)
      return this.#withoutRules(set, { generation, items: [], defaults: { entries: 0, packets: null } });
    const packets = this.#hits[set].byRule();
    return {
      generation,
      items: found.items.map(({ number, ...item }) => ({ ...item, packets: packets.get(number) ?? 0 })),
      defaults: { entries: found.defaults, packets: packets.get(0) ?? 0 },
    };
  }

  /** Returns a rule with its pods, peers and entries. @throws ProblemError `no_staged_rules`, `rule_not_found` */
  async rule(set: RuleSetName, name: string): Promise<RuleView> {
    const found = await this.#findRule(set, name);
    const packets = this.#hits[set].byRule().get(found.number) ?? 0;
    const own = this.#sets.loaded(set)?.own.rules.length ?? 0;
    return {
      ...found,
      set,
      source: found.index < own ? 'text' : 'kubernetes',
      entries: this.#hits[set].entries(found.entries),
      packets,
    };
  }

  /**
   * Explains how a rule set decides the first packet of a connection: by its real ends, where the host translates
   * existing ones.
   * @throws ProblemError `no_staged_rules`, `unprocessable`
   */
  async explain(request: ExplainRequest): Promise<RuleExplanation> {
    const { set } = request;
    const flow = resolveExplainedFlow(request, (name) => this.#findPod(name));
    const isDirect = this.#isPodAddress(flow.source) && this.#isPodAddress(flow.destination);
    const translation = isDirect ? null : await findFlowTranslation(flow);
    const seen = translateFlow(flow, translation);
    const header = { set, ...formatExplainedFlow(flow), translation };
    const found = await this.#compiler.explain(set, seen);
    const allowed = { verdict: 'allow' as const, egress: null, ingress: null };
    if (!found)
      return this.#withoutRules(set, {
        ...header,
        ...allowed,
        note: 'No access rules are active. All traffic is allowed.',
      });
    const { egress, ingress, verdict } = found;
    if (ingress && this.#nodeAddresses.has(formatIpAddress(seen.source)))
      return {
        ...header,
        ...allowed,
        note: 'The node itself sends the packet: traffic from the node to its pods is always allowed.',
      };
    return {
      ...header,
      verdict,
      note: null,
      egress: this.#endpoint(egress),
      ingress: this.#endpoint(ingress),
    };
  }

  #endpoint(explanation: PodExplanation | null): RuleExplanation['egress'] {
    if (!explanation) return null;
    const { namespace, name } = this.#pods.get(explanation.pod) ?? { namespace: '', name: explanation.pod };
    return { ...explanation, pod: { id: explanation.pod, namespace, name } };
  }

  async #findRule(set: RuleSetName, name: string) {
    const found = await this.#compiler.rule(set, name);
    if (found) return found;
    this.#withoutRules(set, null);
    throw new ProblemError('rule_not_found', `the ${set} access rules have no rule ${JSON.stringify(name)}`, {
      hint: `GET /api/v1/rules${set === 'staged' ? '/staged' : ''} lists the rules`,
    });
  }

  /**
   * Returns the response for a rule set without rules.
   * @throws ProblemError `no_staged_rules` if no rules are staged
   */
  #withoutRules<T>(set: RuleSetName, response: T): T {
    if (set === 'staged' && !this.#sets.loaded('staged')) throw createNoStagedRulesError();
    return response;
  }

  #isPodAddress(address: IpAddress): boolean {
    const text = formatIpAddress(address);
    return [...this.#pods.values()].some(({ addresses }) =>
      addresses.some((own) => formatIpAddress(parseAddress(own.replace(/\/.*/, ''))) === text),
    );
  }

  #findPod(name: string): SelectablePod | undefined {
    const byId = this.#pods.get(name);
    return byId ?? [...this.#pods.values()].find((pod) => `${pod.namespace}.${pod.name}` === name);
  }
}
