import type { Rule, RuleSet } from '../../../contract/rule-set.ts';
import type { RuleChanges } from '../../../contract/rules.ts';

/**
 * Compares two rule sets by the names of their rules. A rule counts as changed too when it moved relative to rules of
 * equal priority; of several explanations the one with the fewest moved rules is taken.
 * @param from null where there were no rules
 */
export function diffRuleSets(from: RuleSet | null, to: RuleSet): RuleChanges {
  const before = new Map((from?.rules ?? []).map((rule) => [rule.name, rule]));
  const after = new Map(to.rules.map((rule) => [rule.name, rule]));
  const kept = to.rules.filter(({ name }) => before.has(name));
  const moved = movedRules(
    (from?.rules ?? []).filter(({ name }) => after.has(name)),
    kept,
  );
  return {
    added: to.rules.filter(({ name }) => !before.has(name)).map(({ name }) => name),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    changed: kept
      .filter(
        (rule) => moved.has(rule.name) || JSON.stringify(rule) !== JSON.stringify(before.get(rule.name)),
      )
      .map(({ name }) => name),
    defaults:
      (from?.defaults.ingress ?? 'allow') !== to.defaults.ingress ||
      (from?.defaults.egress ?? 'allow') !== to.defaults.egress,
  };
}

/** Returns the names of rules whose order changed among rules of equal priority. */
function movedRules(before: readonly Rule[], after: readonly Rule[]): Set<string> {
  const indexBefore = new Map(before.map(({ name }, index) => [name, index]));
  const moved = new Set<string>();
  for (const equals of Map.groupBy(after, ({ priority }) => priority).values()) {
    const kept = longestIncreasingSubsequence(equals.map(({ name }) => indexBefore.get(name) ?? -1));
    for (const { name } of equals) if (!kept.has(indexBefore.get(name) ?? -1)) moved.add(name);
  }
  return moved;
}

/** Returns the members of a longest increasing subsequence of distinct numbers, by patience sorting. */
function longestIncreasingSubsequence(numbers: readonly number[]): Set<number> {
  /** Smallest last number of an increasing subsequence, by the length of the subsequence. */
  const ends: number[] = [];
  const previous = new Map<number, number | undefined>();
  for (const number of numbers) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] ?? Infinity) < number) low = middle + 1;
      else high = middle;
    }
    previous.set(number, ends[low - 1]);
    ends[low] = number;
  }
  const found = new Set<number>();
  for (let at = ends.at(-1); at !== undefined; at = previous.get(at)) found.add(at);
  return found;
}
