import type { Direction } from '../../../contract/direction.ts';
import type { Rule, RuleSet } from '../../../contract/rule-set.ts';
import { matchesRuleSubject, type SelectablePod } from '../spec/pod-matching.ts';
import type { RuleOrder } from './port-ranges.ts';
import { type RulePortClaims, toPortClaims } from './protocol-ports.ts';

/** A rule with its position in the evaluation order. */
export interface OrderedRule {
  rule: Rule;
  /** Index of the rule in the rule set, from 0. */
  index: number;
  order: RuleOrder;
  claims: RulePortClaims;
  /** Number of the rule's peer set; 0 for any peer. */
  peers: number;
}

/** Sorts rules by priority; rules of equal priority stay in the order of the rule set. */
export function sortRulesByEvaluation({ rules }: RuleSet, peersOf: (rule: Rule) => number): OrderedRule[] {
  return rules
    .map((rule, index) => ({ rule, index }))
    .sort((a, b) => a.rule.priority - b.rule.priority || a.index - b.index)
    .map(({ rule, index }, order) => ({
      rule,
      index,
      order,
      claims: toPortClaims(rule, order),
      peers: peersOf(rule),
    }));
}

/** Pods to which the same rules apply in one direction. */
export interface PodRuleGroup {
  direction: Direction;
  rules: OrderedRule[];
  pods: SelectablePod[];
}

/** Groups pods by the rules that apply to them; pods without rules are omitted. */
export function groupPodsByRules(
  ordered: readonly OrderedRule[],
  pods: readonly SelectablePod[],
): PodRuleGroup[] {
  const bySubject = new Map<string, ReadonlySet<SelectablePod>>();
  const subjects = ordered.map((entry) => {
    const { subject } = entry.rule;
    const key = JSON.stringify(subject);
    const known = bySubject.get(key) ?? new Set(pods.filter((pod) => matchesRuleSubject(subject, pod)));
    bySubject.set(key, known);
    return { entry, pods: known };
  });
  const groups = new Map<string, PodRuleGroup>();
  for (const direction of ['ingress', 'egress'] as const)
    for (const pod of pods) {
      const rules = subjects
        .filter(({ entry, pods }) => entry.rule.direction === direction && pods.has(pod))
        .map(({ entry }) => entry);
      if (rules.length === 0) continue;
      const key = `${direction} ${rules.map(({ order }) => order).join()}`;
      const group = groups.get(key);
      if (group) group.pods.push(pod);
      else groups.set(key, { direction, rules, pods: [pod] });
    }
  return [...groups.values()];
}
