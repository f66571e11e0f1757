import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSeededRandom, generatePolicyEndpoints, generateRuleSet } from '../../../bench/acl-rules.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import { matchesRuleSubject, type SelectablePod } from '../../../server/acl/spec/pod-matching.ts';
import type { PolicyPacket } from '../../../server/acl/spec/policy-packet.ts';
import { referenceEvaluator } from '../../unit/acl/reference-evaluator.ts';
import { edgePackets, ruleSets, somePods } from '../../unit/acl/rule-set-generators.ts';
import { isIcmpError, isOutside, wire } from './packet-bytes.ts';
import { noTracking, RuleFixture } from './rule-fixture.ts';

const pods = 40;
const seed = Number(process.env.SEED ?? randomInt(2 ** 30));
console.log(`seed ${seed}`);
let fixture: RuleFixture;
beforeAll(async () => {
  fixture = await RuleFixture.open(pods, noTracking);
});
afterAll(async () => {
  await fixture?.[Symbol.asyncDispose]();
});

/** True if a pod has no rules in a direction, so that everything passes, whatever it is. */
const isOpen = (set: RuleSet, pod: SelectablePod, direction: 'ingress' | 'egress'): boolean =>
  set.defaults[direction] === 'allow' &&
  !set.rules.some((rule) => rule.direction === direction && matchesRuleSubject(rule.subject, pod));

/** @returns the number of packets for which kernel and reference decide alike, by the same rules */
async function compare(
  set: RuleSet,
  pods: readonly SelectablePod[],
  packets: readonly PolicyPacket[],
): Promise<number> {
  const { compiled } = await fixture.load('active', set, pods);
  const expected = referenceEvaluator(set, pods);
  const slots = new Map(pods.map(({ id }, slot) => [id, slot]));
  const before = hits();
  const evaluated = packets.filter((packet) => !isOutside(packet));
  const found = fixture.evaluate(
    evaluated.map((packet) => {
      const slot = slots.get(packet.pod)!;
      return { slot, direction: packet.direction, packet: wire(packet, pods[slot]!) };
    }),
  );
  const numbers = new Map([...compiled!.rules].map(([number, { rule }]) => [rule.name, number]));
  const number = (name: string | null): number => (name === null ? 0 : numbers.get(name)!);
  const expectedHits = new Map<string, number>();
  evaluated.forEach((packet, i) => {
    const actual = found[i] === 'drop' ? 'deny' : 'allow';
    const open = isOpen(set, pods[slots.get(packet.pod)!]!, packet.direction);
    // An ICMP error passes only if it quotes a packet of a known connection, whatever the rules allow.
    if (isIcmpError(packet)) {
      expect({ packet, verdict: actual }).toEqual({ packet, verdict: open ? 'allow' : 'deny' });
      return;
    }
    const { verdict, rule, log } = expected(packet);
    if (verdict !== actual) expect({ packet, verdict: actual }).toEqual({ packet, verdict, rule });
    const key = `${number(rule)} ${number(log)}`;
    if (!open) expectedHits.set(key, (expectedHits.get(key) ?? 0) + 1);
  });
  const after = hits();
  const counted = new Map(
    [...after].map(([key, count]) => [key, count - (before.get(key) ?? 0)] as const).filter(([, n]) => n > 0),
  );
  expect(Object.fromEntries([...counted].sort())).toEqual(Object.fromEntries([...expectedHits].sort()));
  return evaluated.length;
}

/** Hits by numbers of the deciding and the logging rule. Entries of the previous rule set may have hits too. */
function hits(): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { rule, log, hits } of fixture.loader.hits('active')) {
    const key = `${rule} ${log}`;
    sums.set(key, (sums.get(key) ?? 0) + Number(hits));
  }
  return sums;
}

test('kernel and reference evaluator agree on 60,000 packets of generated rule sets, and on the deciding rules', async () => {
  let packets = 0;
  const sets = fc.sample(fc.tuple(ruleSets, fc.integer()), { numRuns: 60, seed });
  for (const [set, seed] of sets) {
    await fixture.load('active', null, somePods);
    packets += await compare(set, somePods, edgePackets(set, somePods, 1100, createSeededRandom(seed)));
  }
  expect(packets).toBeGreaterThan(60_000);
}, 240_000);

test('they agree on 45,000 packets of a node’s 300 rules over 600 CIDRs, changed from one set to the next', async () => {
  const node = generatePolicyEndpoints(pods);
  let packets = 0;
  for (const turn of [1, 2, 3]) {
    const set = generateRuleSet(300, 600, pods, seed + turn);
    packets += await compare(set, node, edgePackets(set, node, 16_000, createSeededRandom(seed + turn)));
  }
  expect(packets).toBeGreaterThan(45_000);
}, 240_000);
