import type { Rule, RuleSet } from '../../../contract/acl.ts';
import type { RuleChanges } from '../../../contract/rules.ts';

/**
 * What differs between two sets, by the rules' names. A rule that came behind or before another of its priority has
 * changed as well: those are the ones that were moved, not those that they were moved past, as far as fewest goes.
 * @param from null: there were no rules
 */
export function ruleChanges(from: RuleSet | null, to: RuleSet): RuleChanges {
  const old = new Map((from?.rules ?? []).map((rule) => [rule.name, rule]));
  const now = new Map(to.rules.map((rule) => [rule.name, rule]));
  const kept = to.rules.filter(({ name }) => old.has(name));
  const moved = movedRules(
    (from?.rules ?? []).filter(({ name }) => now.has(name)),
    kept,
  );
  return {
    added: to.rules.filter(({ name }) => !old.has(name)).map(({ name }) => name),
    removed: [...old.keys()].filter((name) => !now.has(name)),
    changed: kept
      .filter((rule) => moved.has(rule.name) || JSON.stringify(rule) !== JSON.stringify(old.get(rule.name)))
      .map(({ name }) => name),
    defaults:
      (from?.defaults.ingress ?? 'allow') !== to.defaults.ingress ||
      (from?.defaults.egress ?? 'allow') !== to.defaults.egress,
  };
}

/** Names of the rules outside the longest part that kept its order among rules of equal priority. */
function movedRules(before: readonly Rule[], after: readonly Rule[]): Set<string> {
  const place = new Map(before.map(({ name }, index) => [name, index]));
  const moved = new Set<string>();
  for (const equals of Map.groupBy(after, ({ priority }) => priority).values()) {
    const places = equals.map(({ name }) => place.get(name)!);
    const stay = longestAscent(places);
    for (const { name } of equals) if (!stay.has(place.get(name)!)) moved.add(name);
  }
  return moved;
}

/** The members of a longest ascending part of different numbers (patience sorting). */
function longestAscent(numbers: readonly number[]): Set<number> {
  /** The least number that an ascent of each length ends with. */
  const ends: number[] = [];
  const before = new Map<number, number | undefined>();
  for (const number of numbers) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle]! < number) low = middle + 1;
      else high = middle;
    }
    before.set(number, ends[low - 1]);
    ends[low] = number;
  }
  const found = new Set<number>();
  for (let at = ends.at(-1); at !== undefined; at = before.get(at)) found.add(at);
  return found;
}
