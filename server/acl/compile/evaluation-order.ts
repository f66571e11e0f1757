import type { Rule, RuleSet } from '../../../contract/acl.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { Order } from './port-ranges.ts';
import { type RuleClaims, ruleClaims } from './protocol-ports.ts';
import { type AclPod, isSubject } from '../spec/pod-selector.ts';

/** A rule in its place. */
export interface OrderedRule {
  rule: Rule;
  /** In the rule set, from 0. */
  index: number;
  order: Order;
  claims: RuleClaims;
  /** Number of its set of peers; 0: anyone. */
  peers: number;
}

/** In the order of evaluation: by priority, equal ones as they are written. */
export function orderRules({ rules }: RuleSet, peersOf: (rule: Rule) => number): OrderedRule[] {
  return rules
    .map((rule, index) => ({ rule, index }))
    .sort((a, b) => a.rule.priority - b.rule.priority || a.index - b.index)
    .map(({ rule, index }, order) => ({
      rule,
      index,
      order,
      claims: ruleClaims(rule, order),
      peers: peersOf(rule),
    }));
}

/** Pods that the same rules hold for, in one direction. */
export interface Group {
  direction: Direction;
  rules: OrderedRule[];
  pods: AclPod[];
}

/** Groups that have rules; a pod without rules is in none. */
export function groupPods(ordered: readonly OrderedRule[], pods: readonly AclPod[]): Group[] {
  const subjects = new Map<string, ReadonlySet<AclPod>>();
  const selected = ordered.map(({ rule: { subject } }) => {
    const key = JSON.stringify(subject);
    const known = subjects.get(key) ?? new Set(pods.filter((pod) => isSubject(subject, pod)));
    subjects.set(key, known);
    return known;
  });
  const groups = new Map<string, Group>();
  for (const direction of ['ingress', 'egress'] as const)
    for (const pod of pods) {
      const rules = ordered.filter(
        ({ rule, order }) => rule.direction === direction && selected[order]!.has(pod),
      );
      if (rules.length === 0) continue;
      const key = `${direction} ${rules.map(({ order }) => order).join()}`;
      const group = groups.get(key);
      if (group) group.pods.push(pod);
      else groups.set(key, { direction, rules, pods: [pod] });
    }
  return [...groups.values()];
}
