import type { Rule, RuleSet } from '../../../contract/acl.ts';
import type { Culprit } from '../tables/limits.ts';

/** Finds the rule with the highest count. */
export function mostOf({ rules }: RuleSet, lineOf: (index: number) => number | undefined) {
  return (count: (rule: Rule) => number): Culprit | undefined =>
    rules
      .map((rule, index) => ({ name: rule.name, index, count: count(rule), line: lineOf(index) }))
      .reduce<Culprit | undefined>(
        (most, each) => (most && most.count >= each.count ? most : each),
        undefined,
      );
}
