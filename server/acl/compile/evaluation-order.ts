import type { Direction } from '../../../contract/direction.ts';
import { matchesRuleSubject, type SelectablePod } from '../spec/pod-matching.ts';
import type { RuleOrder } from './port-ranges.ts';
import { type RulePortClaims, toPortClaims } from './protocol-ports.ts';
import type { RuleVariant } from './rule-variants.ts';

/** A variant of a rule with its position in the evaluation order. */
export interface OrderedRule extends RuleVariant {
  order: RuleOrder;
  claims: RulePortClaims;
  /** Number of the variant's peer set; 0 for any peer. */
  peers: number;
}

/** Sorts variants by the priority of their rules; rules of equal priority stay in the order of the rule set. */
export function sortRulesByEvaluation(
  variants: readonly RuleVariant[],
  peersOf: (variant: RuleVariant) => number,
): OrderedRule[] {
  return variants
    .toSorted((a, b) => a.rule.priority - b.rule.priority || a.index - b.index)
    .map((variant, order) => ({
      ...variant,
      order,
      claims: toPortClaims(variant.rule, variant.ports, order),
      peers: peersOf(variant),
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
        .filter(
          ({ entry, pods }) =>
            entry.rule.direction === direction && pods.has(pod) && (entry.pods?.has(pod.id) ?? true),
        )
        .map(({ entry }) => entry);
      if (rules.length === 0) continue;
      const key = `${direction} ${rules.map(({ order }) => order).join()}`;
      const group = groups.get(key);
      if (group) group.pods.push(pod);
      else groups.set(key, { direction, rules, pods: [pod] });
    }
  return [...groups.values()];
}
