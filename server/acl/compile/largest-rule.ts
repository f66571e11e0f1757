import type { Rule, RuleSet } from '../../../contract/rule-set.ts';
import type { LargestRule } from '../tables/policy-table-limits.ts';

/** Creates a function that finds the rule for which `count` returns the highest number. */
export function createLargestRuleFinder({ rules }: RuleSet, lineOf: (index: number) => number | undefined) {
  return (count: (rule: Rule) => number): LargestRule | undefined =>
    rules
      .map((rule, index) => ({ name: rule.name, index, count: count(rule), line: lineOf(index) }))
      .reduce<LargestRule | undefined>(
        (largest, rule) => (largest && largest.count >= rule.count ? largest : rule),
        undefined,
      );
}
