import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSeededRandom, generatePolicyEndpoints, generateRuleSet } from '../../../bench/acl-rules.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import { compileRules } from '../../../server/acl/compile/compile.ts';
import type { CompiledRules } from '../../../server/acl/compile/compiled-rules.ts';
import { PeerIndex } from '../../../server/acl/compile/peer-index.ts';
import type { SelectablePod } from '../../../server/acl/spec/pod-matching.ts';
import type { PolicyPacket } from '../../../server/acl/spec/policy-packet.ts';
import { PolicyTableLookup } from '../../../server/acl/tables/policy-table-lookup.ts';
import { referenceEvaluator } from './reference-evaluator.ts';
import { edgePackets, remotePods, ruleSets, somePods } from './rule-set-generators.ts';

/** Evaluates packets by the tables, with decisions in the form of the reference evaluator. */
function tableEvaluator({ tables, rules, ruleSet }: CompiledRules): (packet: PolicyPacket) => unknown {
  const lookup = new PolicyTableLookup(tables);
  const name = (number: number): string | null => (number === 0 ? null : rules.get(number)!.rule.name);
  return (packet) => {
    const { policy, decidingEntry: entry } = lookup.find(packet);
    if (!entry) {
      // Default entries contain every port.
      expect(policy.defaultEntries).toBe(0);
      return { verdict: ruleSet.defaults[packet.direction], rule: null, log: null };
    }
    return { verdict: entry.verdict, rule: name(entry.rule), log: name(entry.log) };
  };
}

/** @returns the number of packets with equal decisions */
function compare(
  compiled: CompiledRules,
  set: RuleSet,
  pods: readonly SelectablePod[],
  packets: PolicyPacket[],
  others: readonly SelectablePod[] = [],
): number {
  const expected = referenceEvaluator(set, pods, [], others);
  const actual = tableEvaluator(compiled);
  for (const packet of packets) {
    const { shadowed: _, ...decision } = expected(packet);
    const found = actual(packet);
    if (JSON.stringify(found) !== JSON.stringify(decision))
      expect({ packet, ...(found as object) }).toEqual({ packet, ...decision });
  }
  return packets.length;
}

describe('compiled tables decide as the reference evaluator does', () => {
  test('generated rule sets, 75,000 packets at boundaries', () => {
    let packets = 0;
    fc.assert(
      fc.property(ruleSets, fc.integer(), (set, seed) => {
        const sample = edgePackets(set, somePods, 250, createSeededRandom(seed));
        packets += compare(compileRules(set, somePods), set, somePods, sample);
      }),
      { numRuns: 300 },
    );
    expect(packets).toBeGreaterThanOrEqual(75_000);
  }, 30_000);

  test('pods of other nodes that come, change and go, 50,000 packets', () => {
    let packets = 0;
    const changes = fc.array(fc.tuple(fc.nat(remotePods.length - 1), fc.nat(remotePods.length - 1)), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(ruleSets, changes, fc.integer(), (set, changes, seed) => {
        const peers = new PeerIndex();
        const present = new Map(remotePods.map((pod) => [pod.id, pod]));
        peers.change(remotePods, []);
        compileRules(set, somePods, { peers });
        for (const [gone, like] of changes) {
          const { id } = remotePods[gone]!;
          const changed = { ...remotePods[gone]!, labels: remotePods[like]!.labels };
          if (like === gone) {
            present.delete(id);
            peers.change([], [id]);
          } else {
            present.set(id, changed);
            peers.change([changed], []);
          }
        }
        const others = [...present.values()];
        const sample = edgePackets(set, somePods, 250, createSeededRandom(seed), others);
        packets += compare(compileRules(set, somePods, { peers }), set, somePods, sample, others);
      }),
      { numRuns: 200 },
    );
    expect(packets).toBeGreaterThanOrEqual(50_000);
  }, 30_000);

  test('a node’s 300 rules over 600 CIDRs, 30,000 packets', () => {
    const pods = generatePolicyEndpoints(60);
    let packets = 0;
    for (const seed of [1, 2, 3]) {
      const set = generateRuleSet(300, 600, 60, seed);
      packets += compare(
        compileRules(set, pods),
        set,
        pods,
        edgePackets(set, pods, 10_000, createSeededRandom(seed)),
      );
    }
    expect(packets).toBe(30_000);
  }, 30_000);
});
