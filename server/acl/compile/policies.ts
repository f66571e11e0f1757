import type { Direction } from '../../../contract/direction.ts';
import type { PolicyEndpoint } from '../spec/pod-selector.ts';
import type { PodPolicy } from '../tables/policy-tables.ts';
import type { CompiledPolicy, PreviousCompile } from './compiled-rules.ts';
import type { EntryListBuilder } from './entry-lists.ts';
import type { PodRuleGroup } from './evaluation-order.ts';
import { assignOrInheritIds, getAssignedId } from './id-allocator.ts';

/** Identifies a group by direction and its rules' numbers, in whatever order the rules are. */
const groupKey = ({ direction, rules }: PodRuleGroup, numberOf: readonly number[]): string =>
  `${direction} ${rules
    .map(({ order }) => numberOf[order] ?? 0)
    .sort((a, b) => a - b)
    .join()}`;

/** Numbers the policies. Pods whose rules change keep their policy's number, unless other pods keep the old rules. */
export function assignPolicyIds(
  groups: readonly PodRuleGroup[],
  numberOf: readonly number[],
  { tables, ids }: PreviousCompile,
): Map<string, number> {
  const inherited = groups.map((group) => {
    const [first] = group.pods;
    const policy = first && tables.pods.get(first.id)?.[group.direction].policy;
    return [groupKey(group, numberOf), policy || undefined] as const;
  });
  return assignOrInheritIds(new Map(inherited), ids.policies);
}

interface AddressIdentities {
  /** Classes of addresses that are in a peer set, by the set's number. */
  classesOf: ReadonlyMap<number, readonly number[]>;
  /** Identities by class. */
  identityOf: readonly number[];
  /** Rule numbers by evaluation order. */
  numberOf: readonly number[];
  /** Called with the size of the policy map so far; throws when it is too large. */
  checkSize: (size: number) => void;
}

/** Builds the policies: default entries for each group of pods, and entries for the identities that its rules name. */
export function buildPolicies(
  groups: readonly PodRuleGroup[],
  policyIds: ReadonlyMap<string, number>,
  pods: readonly PolicyEndpoint[],
  builder: EntryListBuilder,
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
    const policy = getAssignedId(policyIds, groupKey(group, numberOf));
    const forAnyPeer = rules.filter(({ peers }) => peers === 0).map(({ order }) => order);
    const defaults = builder.defaultEntries(direction, forAnyPeer);
    /** List of the rules that name a class, by class; 0: none. */
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
      rules: rules.map(({ order }) => numberOf[order] ?? 0),
      pods: group.pods.map(({ id }) => id),
    });
  }
  return { pods: podPolicies, policies, policyMap };
}
