import type { Direction } from '../../../contract/direction.ts';
import type { SelectablePod } from '../spec/pod-matching.ts';
import type { PodPolicy } from '../tables/policy-tables.ts';
import type { CompiledPolicy, PreviousRuleCompilation } from './compiled-rules.ts';
import type { RuleEntryListBuilder } from './entry-lists.ts';
import type { PodRuleGroup } from './evaluation-order.ts';
import { assignOrInheritTableIds, getAssignedTableId } from './id-allocator.ts';

/**
 * Returns a key of direction and sorted rule numbers, regardless of the order of the rules. Variants of one rule differ
 * by their numbers of ports.
 */
const groupKey = ({ direction, rules }: PodRuleGroup, numberOf: readonly number[]): string =>
  `${direction} ${rules
    .map(({ order, key }) => ({ number: numberOf[order] ?? 0, key }))
    .sort((a, b) => a.number - b.number || (a.key < b.key ? -1 : 1))
    .map(({ number, key }) => (key === '' ? `${number}` : `${number}:${key.replaceAll(',', '+')}`))
    .join()}`;

/**
 * Assigns numbers to policies. If the rules of a group of pods change, its policy keeps its number unless other pods
 * still have the old rules.
 */
export function assignPolicyIds(
  groups: readonly PodRuleGroup[],
  numberOf: readonly number[],
  { tables, ids }: PreviousRuleCompilation,
): Map<string, number> {
  const inherited = groups.map((group) => {
    const [first] = group.pods;
    const policy = first && tables.pods.get(first.id)?.[group.direction].policy;
    return [groupKey(group, numberOf), policy || undefined] as const;
  });
  return assignOrInheritTableIds(new Map(inherited), ids.policies);
}

interface AddressIdentities {
  /** Address classes of each peer set, by peer set number. */
  classesOf: ReadonlyMap<number, readonly number[]>;
  /** Identities by address class. */
  identityOf: readonly number[];
  /** Rule numbers by position in the evaluation order. */
  numberOf: readonly number[];
  /** Callback that receives the number of policy map elements so far, and throws if it exceeds the limit. */
  checkSize: (size: number) => void;
}

/**
 * Builds the policies: default entries for each group of pods, and entry lists for the identities that its rules name.
 */
export function buildPolicies(
  groups: readonly PodRuleGroup[],
  policyIds: ReadonlyMap<string, number>,
  pods: readonly SelectablePod[],
  builder: RuleEntryListBuilder,
  { classesOf, identityOf, numberOf, checkSize }: AddressIdentities,
) {
  const policies = new Map<number, CompiledPolicy>();
  const policyMap = new Map<number, Map<number, number>>();
  const withoutRules = (direction: Direction): PodPolicy => ({
    policy: 0,
    defaultEntries: builder.withoutRules(direction),
  });
  const podPolicies = new Map<string, Record<Direction, PodPolicy>>(
    pods.map(({ id }) => [id, { ingress: withoutRules('ingress'), egress: withoutRules('egress') }]),
  );

  let size = 0;
  for (const group of groups) {
    const { direction, rules } = group;
    const policy = getAssignedTableId(policyIds, groupKey(group, numberOf));
    const forAnyPeer = rules.filter(({ peers }) => peers === 0).map(({ order }) => order);
    const defaults = builder.defaultEntries(direction, forAnyPeer);
    /** Number of the interned list of rules that apply to an address class, by class; 0 if none apply. */
    const rulesOf = new Uint32Array(identityOf.length);
    for (const { order, peers } of rules)
      for (const index of (peers !== 0 && classesOf.get(peers)) || [])
        rulesOf[index] = builder.ruleLists.append(rulesOf[index] ?? 0, order);
    const lists = new Map<number, number>();
    rulesOf.forEach((ruleList, index) => {
      const list = ruleList === 0 ? 0 : builder.specificEntries(defaults, ruleList, direction);
      if (list !== 0) lists.set(identityOf[index] ?? 0, list);
    });
    size += lists.size;
    checkSize(size);
    if (lists.size > 0) policyMap.set(policy, lists);
    for (const { id } of group.pods) {
      const own = podPolicies.get(id);
      if (own) own[direction] = { policy, defaultEntries: defaults.list };
    }
    policies.set(policy, {
      direction,
      rules: [...new Set(rules.map(({ order }) => numberOf[order] ?? 0))],
      pods: group.pods.map(({ id }) => id),
    });
  }
  return { pods: podPolicies, policies, policyMap };
}
