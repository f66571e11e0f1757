import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSeededRandom, generatePolicyEndpoints, generateRuleSet } from '../../../bench/acl-rules.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import { slotToPrimaryIfindex } from '../../../server/bpf/datapath-structs.ts';
import { referenceEvaluator } from '../../unit/acl/reference-evaluator.ts';
import { edgePackets } from '../../unit/acl/rule-set-generators.ts';
import { isOutside, wire } from './packet-bytes.ts';
import { frame } from './packets.ts';
import { noTracking, RuleFixture } from './rule-fixture.ts';
import type { CarriedTraffic, Traffic } from './traffic-worker.ts';

const count = 10;
const pods = generatePolicyEndpoints(count);
let fixture: RuleFixture;
beforeAll(async () => {
  fixture = await RuleFixture.open(count, noTracking);
});
afterAll(async () => {
  await fixture?.[Symbol.asyncDispose]();
});

/** Packets for which all rule sets decide alike, by different rules, identities and entries: a mixture would differ. */
function agreed(sets: readonly RuleSet[]): Traffic['packets'] {
  const evaluators = sets.map((set) => referenceEvaluator(set, pods));
  const slots = new Map(pods.map(({ id }, slot) => [id, slot]));
  const packets = sets.flatMap((set, seed) => edgePackets(set, pods, 3000, createSeededRandom(seed)));
  const programs = {
    egress: fixture.programs.programFd('tcx/ingress'),
    ingress: fixture.programs.programFd('tcx/egress'),
  };
  return packets.flatMap((packet) => {
    if (isOutside(packet)) return [];
    const decisions = evaluators.map((evaluate) => evaluate(packet));
    const [first] = decisions;
    const alike = decisions.every(({ verdict }) => verdict === first!.verdict);
    const bySame = decisions.every(({ rule }) => rule === null);
    if (!alike || bySame) return [];
    const slot = slots.get(packet.pod)!;
    return {
      program: programs[packet.direction],
      ifindex: slotToPrimaryIfindex(slot),
      frame: frame(wire(packet, pods[slot]!)),
      dropped: first!.verdict === 'deny',
    };
  });
}

test('during 200 changes of all rules under traffic no packet is evaluated by a mixture of two sets', async () => {
  const sets = [1, 2, 3].map((seed) => generateRuleSet(60, 120, count, seed));
  await fixture.load('active', sets[0]!, pods);
  const packets = agreed(sets);
  for (const dropped of [true, false])
    expect(packets.filter((packet) => packet.dropped === dropped).length).toBeGreaterThan(50);

  const stop = new Int32Array(new SharedArrayBuffer(4));
  const workerData: Traffic = { netns: `/run/netns/${fixture.name}`, packets, stop };
  const worker = new Worker(new URL('./traffic-worker.ts', import.meta.url), { workerData });
  const carried = once(worker, 'message') as Promise<[CarriedTraffic]>;
  try {
    for (let change = 1; change <= 200; change += 1)
      await fixture.load('active', sets[change % sets.length]!, pods);
  } finally {
    Atomics.store(stop, 0, 1);
  }
  const [{ packets: evaluated, wrong }] = await carried;
  await worker.terminate();
  expect(wrong.map((i) => packets[i])).toEqual([]);
  expect(evaluated).toBeGreaterThan(50_000);
  expect(fixture.loader.generation('active')).toBe(201);
}, 240_000);
