import { afterAll, beforeAll, expect, test } from 'vitest';
import { generatePolicyEndpoints, generateRuleSet } from '../../../bench/acl-rules.ts';
import { parseAddress } from '../../../contract/cidr.ts';
import { ruleSetSchema } from '../../../contract/rule-set.ts';
import { compileRules } from '../../../server/acl/compile/compile.ts';
import { RuleLoader } from '../../../server/acl/load/rule-loader.ts';
import type { PolicyTableEntry, PolicyTables } from '../../../server/acl/tables/policy-tables.ts';
import { BpfHashMap } from '../../../server/bpf/hash-map.ts';
import { tcp } from './packets.ts';
import { noTracking, RuleFixture } from './rule-fixture.ts';

const count = 10;
const pods = generatePolicyEndpoints(count);
const numberOf = (id: string): number => pods.findIndex((pod) => pod.id === id) + 1;
let fixture: RuleFixture;
beforeAll(async () => {
  fixture = await RuleFixture.open(count, noTracking);
});
afterAll(async () => {
  await fixture?.[Symbol.asyncDispose]();
});

const lets = (port: number) =>
  ruleSetSchema.parse({
    name: 'tested',
    defaults: { ingress: 'deny' },
    rules: [
      {
        name: `${port}`,
        direction: 'ingress',
        subject: { all: true },
        protocol: 'tcp',
        peers: [{ cidr: '192.0.2.0/24' }],
        ports: [{ from: port }],
        action: 'allow',
      },
    ],
  });
/** Which of the ports a packet gets in by. */
function entered(...ports: number[]): number[] {
  const packet = (destinationPort: number) => ({
    source: parseAddress('192.0.2.7'),
    destination: parseAddress('10.42.0.0'),
    protocol: 6,
    sourcePort: 9,
    destinationPort,
    tcpFlags: tcp.syn,
  });
  const found = fixture.evaluate(
    ports.map((port) => ({ slot: 0, direction: 'ingress', packet: packet(port) })),
  );
  return ports.filter((_, i) => found[i] === 'pass');
}
const sizes = () =>
  (['ipcache', 'pods', 'policies', 'staged_ipcache', 'staged_pods', 'staged_policies'] as const).map(
    (name) => new BpfHashMap(fixture.programs.ruleMaps[name], name).entries().length,
  );

test('changing one rule writes a small share of the tables, and obsolete elements are removed', async () => {
  const set = generateRuleSet(300, 600, count);
  const { loaded } = await fixture.load('active', set, pods);
  const changed = set.rules.findIndex(({ ports }) => ports.length > 0);
  const rules = set.rules.map((rule, i) => (i === changed ? { ...rule, ports: [{ from: 4444 }] } : rule));
  const after = await fixture.load('active', { ...set, rules }, pods);
  expect(after.loaded.written).toBeGreaterThan(0);
  expect(after.loaded.written).toBeLessThan(loaded.written / 10);
  // Includes updates of the other table.
  expect((await fixture.load('active', { ...set, rules }, pods)).loaded.written).toBeLessThan(
    after.loaded.written,
  );
  expect((await fixture.load('active', { ...set, rules }, pods)).loaded.written).toBe(0);
  const { removed } = (await fixture.load('active', null, pods)).loaded;
  expect(removed).toBeGreaterThan(loaded.written * 0.9);
  // The next load waits for the removal.
  await fixture.load('staged', null, pods);
  expect(sizes()).toEqual([0, 0, 0, 0, 0, 0]);
});

test('rules that do not fit are rejected and change nothing', async () => {
  await fixture.load('active', lets(80), pods);
  const before = fixture.loader.generation('active');
  const entry: PolicyTableEntry = { protocol: 6, port: 0, length: 16, verdict: 'allow', rule: 1, log: 0 };
  const { tables } = compileRules(lets(81), pods);
  const huge: PolicyTables = {
    ...tables,
    entryLists: new Map([...tables.entryLists, [99, Array<PolicyTableEntry>(600_000).fill(entry)]]),
  };
  const defaults = { ingress: 'deny', egress: 'allow' } as const;
  await expect(fixture.loader.load('active', { tables: huge, defaults }, numberOf)).rejects.toMatchObject({
    code: 'rules_too_large',
    message: expect.stringMatching(/a list of 600000 entries: \d+ of 524288 entries are free/),
    hint: expect.stringContaining('The old rules stay active'),
  });
  expect(fixture.loader.generation('active')).toBe(before);
  expect(entered(80, 81)).toEqual([80]);
  await fixture.load('active', lets(81), pods);
  expect(entered(80, 81)).toEqual([81]);
});

test('a restarted agent finds its rules enforced, and replaces them as a whole', async () => {
  await fixture.load('active', lets(80), pods);
  await fixture.load('staged', lets(82), pods);
  const generation = fixture.loader.generation('active')!;
  await fixture.load('staged', lets(83), pods); // waits until what the loads left is removed
  const [prefixes, policies, assignments] = sizes();

  const next = new RuleLoader(fixture.programs.ruleMaps, { slots: 64, timeouts: noTracking });
  expect(next.generation('active')).toBe(generation);
  expect(entered(80, 81)).toEqual([80]);
  const { tables } = compileRules(lets(81), pods.slice(1));
  const defaults = { ingress: 'allow', egress: 'allow' } as const;
  await next.load('active', { tables, defaults }, numberOf);
  // Pod 0 is not known any more, and goes by the default.
  expect(entered(80, 81)).toEqual([80, 81]);
  const again = await next.load('active', { ...compileRules(lets(81), pods), defaults }, numberOf);
  expect(again.generation).toBe(generation + 2);
  expect(entered(80, 81)).toEqual([81]);
  await next.load('staged', null, numberOf);
  await next.load('staged', null, numberOf);
  expect(sizes()).toEqual([prefixes, policies, assignments, 0, 0, 0]);
  await next.close();
});
