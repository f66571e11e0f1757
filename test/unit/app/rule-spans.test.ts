import { yamlLanguage } from '@codemirror/lang-yaml';
import { expect, test } from 'vitest';
import { findRuleAtPosition, findRuleByName, findRuleSpans } from '../../../app/rules/_editor/rule-spans.ts';

const spans = (text: string) =>
  findRuleSpans(yamlLanguage.parser.parse(text), (from, to) => text.slice(from, to));

const set = `name: shop
rules:
  # the front
  - name: "web in"
    direction: ingress
    subject: { pod: shop.web }
    action: allow
  - direction: egress
    name: it's out
    ports:
      - { from: 443 }
  - action: deny
`;

test('each rule has its name and place, whatever the order of its keys', () => {
  expect(spans(set).map(({ name, index }) => [index, name])).toEqual([
    [0, 'web in'],
    [1, "it's out"],
    [2, null],
  ]);
  const [first] = spans(set);
  expect(set.slice(first!.from, first!.to)).toMatch(/^- name: "web in"[\s\S]*action: allow$/);
});

test('a place belongs to the rule that began last before it', () => {
  const all = spans(set);
  expect(findRuleAtPosition(all, set.indexOf('443'))?.name).toBe("it's out");
  expect(findRuleAtPosition(all, set.indexOf('- direction'))?.name).toBe("it's out");
  expect(findRuleAtPosition(all, set.indexOf('the front'))).toBeNull();
});

test('rules in flow style, and texts that are no rule set', () => {
  expect(spans("{rules: [{name: a}, {name: 'b''s'}]}").map(({ name }) => name)).toEqual(['a', "b's"]);
  for (const text of ['', 'name: x', 'rules:', 'rules: 3', '- a\n- b', 'rules:\n  - ', ': :\n]['])
    expect(() => spans(text)).not.toThrow();
});

test('rules of NetworkPolicies, beside a rule set', () => {
  const policies = `# two policies
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  namespace: shop
spec:
  podSelector: {}
  ingress:
    - from: [{podSelector: {}}]
    - ports:
        - protocol: UDP
          port: 53
        - port: 53
  egress: [{to: []}, {ports: [{port: 80}]}]
---
kind: NetworkPolicy
metadata: {name: out}
spec: {policyTypes: [Egress]}
---
name: own
rules:
  - name: last
`;
  const all = spans(policies);
  expect(all.map(({ index, name, from }) => `${index} ${name} ${policies.slice(from, from + 6)}`)).toEqual([
    '0 shop/db ingress rest apiVer',
    '1 shop/db ingress 1 - from',
    '2 shop/db ingress 2 udp - port',
    '3 shop/db egress 1 {to: [',
    '4 shop/db egress 2 tcp {ports',
    '5 default/out egress rest kind: ',
    '6 last - name',
  ]);
  expect(findRuleAtPosition(all, policies.indexOf('protocol: UDP'))?.name).toBe('shop/db ingress 2 udp');
  const found = (name: string) => findRuleByName(all, name)?.index;
  expect(found('shop/db ingress 2 tcp')).toBe(2);
  expect(found('shop/db egress rest')).toBe(0);
  expect(found('default/out egress node')).toBe(5);
  expect([found('last'), found('shop/web ingress 1'), found('first')]).toEqual([6, undefined, undefined]);
});
