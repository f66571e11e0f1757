import { describe, expect, test } from 'vitest';
import { ProblemError } from '../../../contract/problem.ts';
import { mergeRuleTexts } from '../../../server/acl/spec/merge-rules.ts';
import { parseRules } from '../../../server/acl/spec/rule-yaml.ts';

const own = `# of the shop
name: shop
rules:
  # web first
  - {name: web, direction: ingress, subject: {all: true}, action: allow} # stays
  - name: db
    direction: ingress
    subject: {all: true}
    action: deny
`;
const rule = (name: string, action: string) =>
  `{name: ${name}, direction: egress, subject: {all: true}, action: ${action}}`;
const policy = (name: string, spec: string) =>
  `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: ${name}, namespace: shop}\nspec: ${spec}\n`;
const rulesOf = (text: string) =>
  parseRules(text).ruleSet.rules.map(({ name, direction, action }) => `${name} ${direction} ${action}`);

describe('rule texts are merged by the names of rules and policies', () => {
  test('rules of a rule set replace those of the same name in their place; comments and name stay', () => {
    const merged = mergeRuleTexts(
      own,
      `name: other\nrules:\n  - ${rule('db', 'allow')}\n  # new\n  - ${rule('ops', 'deny')}\n`,
    );
    expect(rulesOf(merged)).toEqual(['web ingress allow', 'db egress allow', 'ops egress deny']);
    for (const part of ['# of the shop', 'name: shop', '# web first', '# stays', '# new'])
      expect(merged).toContain(part);
  });

  test('the stricter default action holds', () => {
    const defaults = (text: string) => parseRules(text).ruleSet.defaults;
    const denies = 'name: other\ndefaults: {egress: deny}\nrules: []\n';
    expect(defaults(mergeRuleTexts(own, denies))).toEqual({ ingress: 'allow', egress: 'deny' });
    expect(defaults(mergeRuleTexts(denies, own))).toEqual({ ingress: 'allow', egress: 'deny' });
  });

  test('a policy replaces the one of its name, and the texts of all others stay as written', () => {
    const [x, y, z] = [policy('x', '{}'), policy('y', '{ }  # kept'), policy('x', '{ingress: [{}]}')];
    const merged = mergeRuleTexts(`# mine\n---\n${x}---\n${y}`, z);
    expect(merged).toBe(`# mine\n---\n${y}---\n${z}`);
  });

  test('a list is kept while one of its policies is not replaced; the later policy holds', () => {
    const list = (...names: string[]) =>
      JSON.stringify({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicyList',
        items: names.map((name) => ({ metadata: { name, namespace: 'shop' }, spec: {} })),
      });
    expect(rulesOf(mergeRuleTexts(list('x', 'y'), policy('x', '{ingress: [{}]}')))).toEqual([
      'shop/x ingress 1 ingress allow',
      'shop/x ingress rest ingress deny',
      'shop/y ingress rest ingress deny',
    ]);
    expect(mergeRuleTexts(list('x'), policy('x', '{}'))).toBe(policy('x', '{}'));
  });

  test('policies and a rule set stand beside each other', () => {
    expect(mergeRuleTexts(own, policy('x', '{}'))).toBe(`${own}---\n${policy('x', '{}')}`);
    expect(rulesOf(mergeRuleTexts(policy('x', '{}'), own))).toHaveLength(3);
  });

  test('texts with aliases, of JSON, or without rules', () => {
    const aliased = `name: a\nrules:\n- &db ${rule('db', 'deny')}\n- {<<: *db, name: copy}\n`;
    expect(rulesOf(mergeRuleTexts(own, aliased))).toEqual([
      'web ingress allow',
      'db egress deny',
      'copy egress deny',
    ]);
    const json = JSON.stringify(parseRules(own).ruleSet);
    expect(rulesOf(mergeRuleTexts(json, aliased))).toHaveLength(3);
    expect(rulesOf(mergeRuleTexts('name: empty\nrules: []\n', own))).toHaveLength(2);
  });

  test('a rule that an alias leads to is not replaced', () => {
    const aliased = `name: a\nrules:\n- &db ${rule('db', 'deny')}\n- {<<: *db, name: copy}\n`;
    const replace = () => mergeRuleTexts(aliased, `name: b\nrules: [${rule('db', 'allow')}]`);
    expect(replace).toThrow(ProblemError);
    expect(replace).toThrow(/cannot be merged: Unresolved alias/);
  });

  test('YAML directives are refused', () => {
    expect(() => mergeRuleTexts(own, `%YAML 1.1\n---\n${policy('x', '{}')}`)).toThrow(/YAML directives/);
  });
});
