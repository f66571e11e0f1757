import { expect, test } from 'vitest';
import {
  formatRuleEntryPorts,
  formatRulePeers,
  formatRulePorts,
  formatRuleSubject,
  ruleMatchesSearch,
  sortByEvaluationOrder,
} from '../../../app/rules/rule-labels.ts';
import { ruleSchema } from '../../../contract/rule-set.ts';

const made = (more: object) =>
  ruleSchema.parse({ name: 'web', direction: 'ingress', subject: { all: true }, action: 'allow', ...more });

test.each([
  [{ all: true }, 'all pods'],
  [{ namespace: 'shop' }, 'namespace shop'],
  [{ pod: 'shop.cart' }, 'shop.cart'],
  [{ selector: {}, namespace: 'shop' }, 'all pods in namespace shop'],
  [
    { selector: { matchLabels: { app: 'cart' }, matchExpressions: [{ key: 'old', operator: 'Exists' }] } },
    'app=cart, old',
  ],
  [
    { selector: { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['web', 'api'] }] } },
    'tier not in (web, api)',
  ],
])('the subject %j is “%s”', (subject, words) => {
  expect(formatRuleSubject(made({ subject }).subject)).toBe(words);
});

test('peers, protocols and ports', () => {
  expect(formatRulePeers([])).toBe('any');
  const { peers } = made({
    peers: [{ cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] }, { pods: { matchLabels: { app: 'a' } } }],
  });
  expect(formatRulePeers(peers)).toBe('10.0.0.0/8 except 10.1.0.0/16; app=a');
  expect(formatRulePorts(made({}))).toBe('any');
  expect(formatRulePorts(made({ protocol: 'tcp', ports: [{ from: 80 }, { from: 8000, to: 8100 }] }))).toBe(
    'tcp 80, 8000–8100',
  );
  expect(formatRulePorts(made({ protocol: 'icmp', icmp: [{ type: 8 }, { type: 3, code: 4 }] }))).toBe(
    'icmp 8, 3/4',
  );
});

test.each([
  ['tcp', 0, 65_535, 'all'],
  ['tcp', 80, 80, '80'],
  ['udp', 8000, 8063, '8000–8063'],
  ['icmp', 8 * 256, 8 * 256 + 255, 'type 8'],
  ['icmp', 3 * 256 + 4, 3 * 256 + 4, 'type 3 code 4'],
] as const)('an entry of %s %i to %i has ports %s', (protocol, from, to, words) => {
  expect(formatRuleEntryPorts(protocol, from, to)).toBe(words);
});

test('rules are evaluated by priority, and in their order within a priority', () => {
  const rules = [made({ name: 'b' }), made({ name: 'c', priority: 5 }), made({ name: 'a' })];
  expect(sortByEvaluationOrder(rules).map(({ rule, index }) => [rule.name, index])).toEqual([
    ['c', 1],
    ['b', 0],
    ['a', 2],
  ]);
});

test('a rule is found by each of its words', () => {
  const one = made({ protocol: 'tcp', ports: [{ from: 443 }], action: 'deny' });
  expect(ruleMatchesSearch(one, 'DENY 443')).toBe(true);
  expect(ruleMatchesSearch(one, '')).toBe(true);
  expect(ruleMatchesSearch(one, 'web udp')).toBe(false);
});
