import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chance, podsOf, rulesOf } from '../../../bench/acl-rules.ts';
import type { RuleSet } from '../../../contract/acl.ts';
import { compile } from '../../../server/acl/compile/compile.ts';
import { type Compiled, nothing } from '../../../server/acl/compile/compiled-rules.ts';
import { applyDiff, diffSize, diffTables, noTables, tablesSize } from '../../../server/acl/tables/policy-tables.ts';
import { ruleSets, somePods } from './rule-set-generators.ts';

/** Tables with each number said as what it stands for: equal when they judge by the same lookups. */
function spelled({ tables, rules, policies, identities }: Compiled) {
  const name = (rule: number) => (rule === 0 ? null : rules.get(rule)!.rule.name);
  const row = (number: number) =>
    (tables.rows.get(number) ?? []).map((entry) => ({
      ...entry,
      rule: name(entry.rule),
      log: name(entry.log),
    }));
  const bySet = new Map([...rules.values()].map(({ peers, rule }) => [peers, JSON.stringify(rule.peers)]));
  const identity = (number: number) =>
    identities
      .get(number)!
      .map((set) => bySet.get(set)!)
      .sort();
  const sorted = (all: unknown[]) => all.map((each) => JSON.stringify(each)).sort();
  return {
    prefixes: sorted([...tables.prefixes].map(([key, entry]) => [key, identity(entry.identity)])),
    pods: sorted(
      [...tables.pods].map(([pod, { ingress, egress }]) => [
        pod,
        ...[ingress, egress].map(({ policy, base }) => [policies.get(policy)?.rules.map(name), row(base)]),
      ]),
    ),
    assignments: sorted(
      [...tables.assignments].flatMap(([policy, assigned]) =>
        [...assigned].map(([id, number]) => [
          policies.get(policy)!.direction,
          policies.get(policy)!.rules.map(name),
          identity(id),
          row(number),
        ]),
      ),
    ),
    rows: tables.rows.size,
  };
}

describe('a changed rule set', () => {
  test('the difference from the tables before, applied to them, is the tables after, and they are as fresh ones', () => {
    fc.assert(
      fc.property(fc.array(ruleSets, { minLength: 2, maxLength: 4 }), fc.array(fc.nat(5)), (sets, gone) => {
        let last: Compiled | undefined;
        for (const [index, set] of sets.entries()) {
          const pods = somePods.filter((_, pod) => gone[index] !== pod);
          const next = compile(set, pods, last ? { last } : {});
          const before = last?.tables ?? noTables;
          const diff = diffTables(before, next.tables);
          expect(applyDiff(before, diff)).toEqual(next.tables);
          expect(spelled(next)).toEqual(spelled(compile(set, pods)));
          last = next;
        }
      }),
      { numRuns: 150 },
    );
  }, 30_000);

  test('a number never changes its meaning while the tables before may still be looked at', () => {
    fc.assert(
      fc.property(ruleSets, ruleSets, (one, other) => {
        const last = compile(one, somePods);
        const next = compile(other, somePods, { last });
        for (const [number, entries] of next.tables.rows)
          if (last.tables.rows.has(number)) expect(entries).toEqual(last.tables.rows.get(number));
        for (const [number, { rule }] of next.rules)
          if (last.rules.has(number)) expect(rule.name).toBe(last.rules.get(number)!.rule.name);
        for (const [number, sets] of next.identities)
          if (last.identities.has(number)) expect(sets).toEqual(last.identities.get(number));
      }),
      { numRuns: 150 },
    );
  });

  test('compiled again, nothing is to be written', () => {
    const [set, pods] = [rulesOf(200, 400, 50), podsOf(50)];
    const last = compile(set, pods);
    const next = compile(structuredClone(set), structuredClone(pods), { last });
    expect(diffSize(diffTables(last.tables, next.tables))).toBe(0);
    expect(next.tables).toEqual(last.tables);
  });

  test('one rule of 400 changes a small share of the entries, whatever changes in it', () => {
    const [set, pods] = [rulesOf(400, 800, 50), podsOf(50)];
    const last = compile(set, pods);
    const all = tablesSize(last.tables);
    const random = chance(7);
    const named = set.rules.flatMap(({ peers }, index) => (peers.length > 0 ? [index] : []));
    const changes: ((rule: RuleSet['rules'][number]) => RuleSet['rules'][number] | null)[] = [
      (rule) => ({ ...rule, protocol: 'tcp', icmp: [], ports: [{ from: 4444 }] }),
      (rule) => ({ ...rule, peers: [...rule.peers, { cidr: '198.51.100.0/24', except: [] }] }),
      (rule) => ({ ...rule, priority: 55 }),
      () => null,
    ];
    const shares = changes.flatMap((change) =>
      Array.from({ length: 6 }, () => {
        const place = named[Math.floor(random() * named.length)]!;
        const rules = set.rules.flatMap((rule, index) => (index === place ? (change(rule) ?? []) : rule));
        const next = compile({ ...set, rules }, pods, { last });
        return diffSize(diffTables(last.tables, next.tables)) / all;
      }),
    );
    const sorted = shares.sort((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(0.02);
    expect(sorted.at(-1)).toBeLessThan(0.25);
  });

  test('behind the rows that an agent finds in the kernel, others get their numbers', () => {
    const set = rulesOf(20, 40, 10);
    const { tables, numbers } = compile(set, podsOf(10), { last: nothing(5000) });
    expect(Math.min(...tables.rows.keys())).toBe(5000);
    expect(numbers.nextRow).toBe(5000 + tables.rows.size);
  });
});
