import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSeededRandom } from '../../../bench/acl-rules.ts';
import { parseAddress } from '../../../contract/cidr.ts';
import { ruleSetSchema } from '../../../contract/rule-set.ts';
import { compileRules } from '../../../server/acl/compile/compile.ts';
import { RuleExplainer } from '../../../server/acl/explain/rule-explainer.ts';
import { referenceEvaluator } from './reference-evaluator.ts';
import { edgePackets, ruleSets, somePods } from './rule-set-generators.ts';

test('names the deciding rule, the log rule and shadowed rules as the reference evaluator does', () => {
  fc.assert(
    fc.property(ruleSets, fc.integer(), (set, seed) => {
      const expected = referenceEvaluator(set, somePods);
      const explainer = new RuleExplainer(compileRules(set, somePods), somePods);
      for (const packet of edgePackets(set, somePods, 60, createSeededRandom(seed))) {
        const { lookups: _, pod: __, direction: ___, ...explanation } = explainer.packet(packet);
        expect({ packet, ...explanation }).toEqual({ packet, ...expected(packet) });
      }
    }),
    { numRuns: 150 },
  );
});

test('a flow between two pods is evaluated at both ends, egress first, with each look-up', () => {
  const set = ruleSetSchema.parse({
    name: 'shop',
    defaults: { ingress: 'deny', egress: 'allow' },
    rules: [
      {
        name: 'watch',
        direction: 'ingress',
        subject: { all: true },
        action: 'log',
        priority: 1,
      },
      {
        name: 'web to db',
        direction: 'ingress',
        subject: { selector: { matchLabels: { app: 'db' } } },
        peers: [{ pods: { matchLabels: { app: 'web' } } }],
        protocol: 'tcp',
        ports: [{ from: 5432, to: 5433 }],
        action: 'allow',
      },
      { name: 'nobody else', direction: 'ingress', subject: { all: true }, action: 'deny', priority: 2000 },
    ],
  });
  const [web, db] = somePods;
  const explainer = new RuleExplainer(compileRules(set, somePods), somePods);
  const flow = {
    source: parseAddress('10.42.0.0'),
    destination: parseAddress('10.42.0.1'),
    protocol: 6,
    port: 5433,
  };
  const explanation = explainer.flow(flow);
  expect(explanation).toMatchObject({
    verdict: 'allow',
    egress: { pod: web!.id, verdict: 'allow', rule: null, lookups: [{ table: 'pods', value: null }] },
    ingress: { pod: db!.id, rule: 'web to db', log: 'watch', shadowed: ['nobody else'] },
  });
  expect(explanation.ingress!.lookups.map(({ table, key }) => `${table}: ${key}`)).toEqual([
    'pods: pod pod-1, ingress',
    'ipcache: 10.42.0.0/32',
    expect.stringMatching(/^policies: policy \d+, identity 1$/),
    expect.stringMatching(/^rule_entries: entries \d+, protocol 6, port 5432\/15$/),
  ]);
  expect(explainer.flow({ ...flow, port: 5434 })).toMatchObject({
    verdict: 'deny',
    ingress: { rule: 'nobody else', shadowed: [] },
  });
  const outside = parseAddress('192.0.2.1');
  expect(explainer.flow({ ...flow, source: outside, destination: outside }).verdict).toBe('allow');
});
