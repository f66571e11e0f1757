import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  countChangedMapElements,
  countPolicyTableElements,
  createSeededRandom,
  generatePolicyEndpoints,
  generateRuleSet,
} from '../../../bench/acl-rules.ts';
import { formatCidr } from '../../../contract/cidr.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import { compileRules } from '../../../server/acl/compile/compile.ts';
import {
  type CompiledRules,
  createEmptyPreviousRuleCompilation,
} from '../../../server/acl/compile/compiled-rules.ts';
import { emptyPolicyTables, type PolicyTables } from '../../../server/acl/tables/policy-tables.ts';
import { diffPolicyTables, type PolicyTablesDiff } from '../../../server/acl/tables/tables-diff.ts';
import { ruleSets, somePods } from './rule-set-generators.ts';

/** Replaces each number in tables by what it identifies: equal for tables that decide by the same look-ups. */
function withoutNumbers({ tables, rules, policies, identities }: CompiledRules) {
  const name = (rule: number) => (rule === 0 ? null : rules.get(rule)!.rule.name);
  const entries = (list: number) =>
    (tables.entryLists.get(list) ?? []).map((entry) => ({
      ...entry,
      rule: name(entry.rule),
      log: name(entry.log),
    }));
  const bySet = new Map(
    [...rules.values()].flatMap(({ variants, rule }) =>
      variants.map(({ peers, ports }) => [
        peers,
        JSON.stringify([rule.peers, rule.ports.some((port) => 'name' in port) && [rule.name, ports]]),
      ]),
    ),
  );
  const identity = (number: number) =>
    identities
      .get(number)!
      .map((set) => bySet.get(set)!)
      .sort();
  const sorted = (all: unknown[]) => all.map((each) => JSON.stringify(each)).sort();
  return {
    ipcache: sorted([...tables.ipcache].map(([key, entry]) => [key, identity(entry.identity)])),
    pods: sorted(
      [...tables.pods].map(([pod, { ingress, egress }]) => [
        pod,
        ...[ingress, egress].map(({ policy, defaultEntries }) => [
          policies.get(policy)?.rules.map(name),
          entries(defaultEntries),
        ]),
      ]),
    ),
    policyMap: sorted(
      [...tables.policyMap].flatMap(([policy, lists]) =>
        [...lists].map(([id, list]) => [
          policies.get(policy)!.direction,
          policies.get(policy)!.rules.map(name),
          identity(id),
          entries(list),
        ]),
      ),
    ),
    entryLists: tables.entryLists.size,
  };
}

/** Applies a difference to tables. */
function applyDiff(
  from: PolicyTables,
  { ipcache, pods, policyMap, entryLists }: PolicyTablesDiff,
): PolicyTables {
  const next = {
    ipcache: new Map(from.ipcache),
    pods: new Map(from.pods),
    policyMap: new Map([...from.policyMap].map(([policy, lists]) => [policy, new Map(lists)])),
    entryLists: new Map(from.entryLists),
  };
  for (const entry of ipcache.put) next.ipcache.set(formatCidr(entry.prefix), entry);
  for (const prefix of ipcache.remove) next.ipcache.delete(formatCidr(prefix));
  for (const [pod, policies] of pods.put) next.pods.set(pod, policies);
  for (const pod of pods.remove) next.pods.delete(pod);
  for (const [policy, identity] of policyMap.remove) {
    next.policyMap.get(policy)?.delete(identity);
    if (next.policyMap.get(policy)?.size === 0) next.policyMap.delete(policy);
  }
  for (const [policy, identity, list] of policyMap.put) {
    if (!next.policyMap.has(policy)) next.policyMap.set(policy, new Map());
    next.policyMap.get(policy)!.set(identity, list);
  }
  for (const [list, entries] of entryLists.put) next.entryLists.set(list, entries);
  for (const [list] of entryLists.remove) next.entryLists.delete(list);
  return next;
}

describe('a changed rule set', () => {
  test('the difference applied to the previous tables gives the next tables, which equal a fresh compilation', () => {
    fc.assert(
      fc.property(fc.array(ruleSets, { minLength: 2, maxLength: 4 }), fc.array(fc.nat(5)), (sets, gone) => {
        let last: CompiledRules | undefined;
        for (const [index, set] of sets.entries()) {
          const pods = somePods.filter((_, pod) => gone[index] !== pod);
          const next = compileRules(set, pods, last ? { previous: last } : {});
          const before = last?.tables ?? emptyPolicyTables;
          const diff = diffPolicyTables(before, next.tables);
          expect(applyDiff(before, diff)).toEqual(next.tables);
          expect(withoutNumbers(next)).toEqual(withoutNumbers(compileRules(set, pods)));
          last = next;
        }
      }),
      { numRuns: 150 },
    );
  }, 30_000);

  test('a number never changes its meaning from one compilation to the next', () => {
    fc.assert(
      fc.property(ruleSets, ruleSets, (one, other) => {
        const last = compileRules(one, somePods);
        const next = compileRules(other, somePods, { previous: last });
        for (const [number, entries] of next.tables.entryLists)
          if (last.tables.entryLists.has(number)) expect(entries).toEqual(last.tables.entryLists.get(number));
        for (const [number, { rule }] of next.rules)
          if (last.rules.has(number)) expect(rule.name).toBe(last.rules.get(number)!.rule.name);
        for (const [number, sets] of next.identities)
          if (last.identities.has(number)) expect(sets).toEqual(last.identities.get(number));
      }),
      { numRuns: 150 },
    );
  });

  test('compiling the same rules again writes nothing', () => {
    const [set, pods] = [generateRuleSet(200, 400, 50), generatePolicyEndpoints(50)];
    const last = compileRules(set, pods);
    const next = compileRules(structuredClone(set), structuredClone(pods), { previous: last });
    expect(countChangedMapElements(last.tables, next.tables)).toBe(0);
    expect(next.tables).toEqual(last.tables);
  });

  test('one rule of 400 changes a small share of the entries, whatever changes in it', () => {
    const [set, pods] = [generateRuleSet(400, 800, 50), generatePolicyEndpoints(50)];
    const last = compileRules(set, pods);
    const all = countPolicyTableElements(last.tables);
    const random = createSeededRandom(7);
    const named = set.rules.flatMap(({ peers }, index) => (peers.length > 0 ? [index] : []));
    const changes: ((rule: RuleSet['rules'][number]) => RuleSet['rules'][number] | null)[] = [
      (rule) => ({ ...rule, protocol: 'tcp', icmp: [], ports: [{ from: 4444 }] }),
      (rule) => ({ ...rule, peers: [...rule.peers, { cidr: '198.51.100.0/24', except: [] }] }),
      (rule) => ({ ...rule, priority: 55 }),
      () => null,
    ];
    const shares = changes.flatMap((change) =>
      Array.from({ length: 6 }, () => {
        const changed = named[Math.floor(random() * named.length)]!;
        const rules = set.rules.flatMap((rule, index) => (index === changed ? (change(rule) ?? []) : rule));
        const next = compileRules({ ...set, rules }, pods, { previous: last });
        return countChangedMapElements(last.tables, next.tables) / all;
      }),
    );
    const sorted = shares.sort((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(0.02);
    expect(sorted.at(-1)).toBeLessThan(0.25);
  });

  test('new entry lists get numbers above those that an earlier agent left in the kernel', () => {
    const set = generateRuleSet(20, 40, 10);
    const { tables, ids } = compileRules(set, generatePolicyEndpoints(10), {
      previous: createEmptyPreviousRuleCompilation(5000),
    });
    expect(Math.min(...tables.entryLists.keys())).toBe(5000);
    expect(ids.nextEntryList).toBe(5000 + tables.entryLists.size);
  });
});
