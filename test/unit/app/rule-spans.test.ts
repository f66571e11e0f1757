import { yamlLanguage } from '@codemirror/lang-yaml';
import { expect, test } from 'vitest';
import { findRuleAtPosition, findRuleSpans } from '../../../app/rules/_editor/rule-spans.ts';

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
