import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ProblemError } from '../../../contract/problem.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import { mergeRuleTexts } from '../../../server/acl/spec/merge-rules.ts';
import { parseRules } from '../../../server/acl/spec/rule-yaml.ts';
import { ruleSets } from './rule-set-generators.ts';

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
const quoted = (name: string, action: string) =>
  `{ "name": "${name}", "direction": "egress", "subject": { "all": true }, "action": "${action}" }`;
/** Rule sets as programs and people write them. */
const style: fc.Arbitrary<(ruleSet: RuleSet) => string> = fc
  .record({
    collectionStyle: fc.constantFrom('any' as const, 'block' as const, 'flow' as const),
    indentSeq: fc.boolean(),
    indent: fc.constantFrom(2, 4),
    lineWidth: fc.constantFrom(0, 40),
    json: fc.constantFrom(undefined, null, 0, 1, 4),
    end: fc.constantFrom('\n', '\r\n'),
  })
  // The yaml package writes empty lists in block style where it does not read them.
  .filter(({ collectionStyle, indentSeq }) => collectionStyle !== 'block' || indentSeq)
  .map(({ json, end, ...options }) => (ruleSet) => {
    const text = json === undefined ? stringify(ruleSet, options) : JSON.stringify(ruleSet, null, json ?? 0);
    return text.replaceAll('\n', end);
  });
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

  test('what is not replaced stays as it is written, whatever its style', () => {
    const json = JSON.stringify(
      { name: 'a', rules: [JSON.parse(quoted('x', 'deny')), JSON.parse(quoted('y', 'deny'))] },
      null,
      2,
    );
    expect(mergeRuleTexts(json, `name: b\ndefaults: {ingress: deny}\nrules: [${quoted('z', 'allow')}]`)).toBe(
      `${json
        .replace('"name": "a"', '"name": "a", "defaults": {"ingress": "deny"}')
        .replace(/\n {2}\]\n\}$/, `,\n    ${quoted('z', 'allow')}\n  ]\n}`)}\n`,
    );
    const block = `name:   a   # the name
defaults:   # comment with allow
  ingress: # allow
    "allow"
rules:
# of x
-   name: x
    direction: ingress   # in
    subject: {all: true
       }
    action: deny

# gone with the rule below
- ${quoted('y', 'deny')} # y
# end
`;
    const added = `# not of a rule
name: b
defaults: {ingress: deny, egress: deny}
rules:
    # of z
    - name: z
      # inside
      direction: egress
      subject: { all: true }
      action: allow
    # of the new y
    - ${quoted('y', 'allow')}
`;
    expect(mergeRuleTexts(block, added)).toBe(`name:   a   # the name
defaults:   # comment with allow
  ingress: # allow
    "deny"
  egress: deny
rules:
# of x
-   name: x
    direction: ingress   # in
    subject: {all: true
       }
    action: deny

# of the new y
- ${quoted('y', 'allow')}
# of z
- name: z
  # inside
  direction: egress
  subject: { all: true }
  action: allow
# end
`);
  });

  test('merged texts of any style are the merged rules', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(ruleSets, ruleSets, style, style, (into, added, write, writeAdded) => {
        const [own, other] = [write(into), writeAdded(added)];
        const [old, young] = [own, other].map((text) => parseRules(text).ruleSet) as [RuleSet, RuleSet];
        const byName = new Map(young.rules.map((each) => [each.name, each]));
        const known = new Set(old.rules.map(({ name }) => name));
        const strict = (direction: 'ingress' | 'egress') =>
          old.defaults[direction] === 'deny' ? 'deny' : young.defaults[direction];
        const merged = mergeRuleTexts(own, other);
        expect(parseRules(merged).ruleSet, `${own}\n=====\n${other}\n=====\n${merged}`).toEqual({
          name: old.name,
          defaults: { ingress: strict('ingress'), egress: strict('egress') },
          rules: [
            ...old.rules.map((each) => byName.get(each.name) ?? each),
            ...young.rules.filter(({ name }) => !known.has(name)),
          ],
        });
      }),
      { numRuns: 500 },
    );
  });

  test('texts that are not plain YAML are merged up to a size', () => {
    const rules = Array.from({ length: 5000 }, (_, i) => `- ${rule(`r${i}`, 'allow')}\n`).join('');
    const large = `name: large\nrules:\n${rules}`;
    expect(() => mergeRuleTexts(`name: &a x\nrules: []\n`, large)).toThrow(
      /cannot be merged: one has an anchor/,
    );
    expect(() => mergeRuleTexts(large, `name: &a x\nrules: []\n`)).toThrow(
      /cannot be merged: one has an anchor/,
    );
    expect(() => mergeRuleTexts(`name: x\nrules: &a []\ndefaults: {}\n`, own)).not.toThrow();
  });

  test('YAML directives are refused', () => {
    expect(() => mergeRuleTexts(own, `%YAML 1.1\n---\n${policy('x', '{}')}`)).toThrow(/YAML directives/);
  });
});
