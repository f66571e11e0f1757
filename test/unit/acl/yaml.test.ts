import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { generateRuleSet } from '../../../bench/acl-rules.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import { formatRulesAsYaml, parseRules } from '../../../server/acl/spec/rule-yaml.ts';
import { ruleSets } from './rule-set-generators.ts';

const text = `# of the shop
name: shop
defaults:
  ingress: deny
rules:
  - name: web
    direction: ingress
    subject:
      selector: {matchLabels: {app: web}}
    peers:
      - cidr: 10.0.0.0/8
        except:
          - 10.1.0.0/16
      - pods: {}
        namespace: shop
    protocol: tcp
    ports: [{from: 80}, {from: 8000, to: 8999}]
    action: allow
  - name: ping
    direction: ingress
    subject: {all: true}
    protocol: icmp
    icmp: [{type: 8}, {type: 128, code: 0}]
    action: log
`;

const faults = (text: string): string[] => {
  try {
    parseRules(text);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'bad_rules')
      return error.errors!.map(({ line, path, message }) => `${line} ${path}: ${message}`);
    throw error;
  }
  return [];
};

test('a rule set is parsed with its defaults and lines', () => {
  const { ruleSet, lineOf } = parseRules(text);
  expect(ruleSet.defaults).toEqual({ ingress: 'deny', egress: 'allow' });
  expect(ruleSet.rules[0]).toMatchObject({ name: 'web', priority: 1000, icmp: [] });
  expect([lineOf(0), lineOf(1), lineOf(2)]).toEqual([6, 19, 5]);
});

test('formatted rules parse as the same rule set', () => {
  const same = (set: RuleSet): void => {
    expect(parseRules(formatRulesAsYaml(set)).ruleSet).toEqual(set);
  };
  same(parseRules(text).ruleSet);
  same(generateRuleSet(100, 200, 50));
  fc.assert(fc.property(ruleSets, same), { numRuns: 50 });
});

describe('errors have a line', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/33', /^11 rules\[0\].peers\[0\].cidr: not an IP prefix: "10.0.0.0\/33"/],
    ['10.0.0.0/8', '10.0.0.300/8', /^11 .*: not an IP address: "10.0.0.300"/],
    ['10.0.0.0/8', '10.0.0.7/8', /^11 .*: has host bits set after \/8; write 10.0.0.0\/8$/],
    ['10.0.0.0/8', '10.0.0.7', /^11 .*: has no prefix length; write 10.0.0.7\/32 for a single address$/],
    ['10.0.0.0/8', '"::ffff:10.0.0.0/104"', /^11 .*IPv4-mapped IPv6 address; use the IPv4 form$/],
    ['10.1.0.0/16', '11.1.0.0/16', /^13 .*except\[0\]: 11.1.0.0\/16 is not inside 10.0.0.0\/8$/],
    ['10.1.0.0/16', '10.0.0.0/8', /^13 .*is not inside/],
    ['10.1.0.0/16', 'fd00::/16', /^13 .*is not inside/],
    ['to: 8999', 'to: 7999', /^17 rules\[0\].ports\[1\].to: less than `from`$/],
    ['from: 80}', 'from: 65536}', /^17 rules\[0\].ports\[0\].from: /],
    ['protocol: tcp', 'protocol: any', /^17 rules\[0\].ports: ports require protocol tcp, udp or sctp$/],
    ['protocol: icmp', 'protocol: udp', /^23 rules\[1\].icmp: types require protocol icmp$/],
    ['action: allow', 'action: drop', /^18 rules\[0\].action: /],
    ['action: allow', 'verdict: allow', /^18 rules\[0\].verdict: unknown field$/m],
    ['name: ping', 'name: web', /^19 rules\[1\].name: rule 1 already has the name "web"$/],
    ['{all: true}', '{everyone: true}', /^21 rules\[1\].subject/],
    [
      '{matchLabels: {app: web}}',
      '{matchLabels: {app: [web]}}',
      /^9 rules\[0\].subject.selector.matchLabels.app: /,
    ],
    ['name: shop\ndefaults', 'name: Shop\ndefaults', /^2 name: use lowercase/],
    ['  - name: ping', '- name: ping', /^19 : /],
    ['{type: 8}', '{type: 8', /^23 : /],
    ['# of the shop', '---\n{}\n---', /^4 : a rule set is a single document/],
  ])('%s as %s', (right, wrong, message) => {
    expect(text).toContain(right);
    expect(faults(text.replace(right, wrong)).join('\n')).toMatch(message);
  });

  test('an empty text, comments alone, and a document that is not a map', () => {
    expect(faults('')).toEqual(['1 : the text is empty']);
    expect(faults('# nothing\n')).toEqual(['1 : the text is empty']);
    expect(faults('- a\n')).toHaveLength(1);
  });

  test('aliases that multiply are rejected without expansion', () => {
    const levels = 'abcdefgh'
      .split('')
      .map((key, index, all) =>
        index === 0 ? `a: &a [1,2]` : `${key}: &${key} [${Array(9).fill(`*${all[index - 1]}`)}]`,
      );
    expect(faults(levels.join('\n'))[0]).toMatch(/alias/i);
  });
});

test('a key that a mapping has twice is refused where it comes again', () => {
  expect(faults('name: a\nrules:\n  - name: x\n    action: allow\n    name: y\nname: b\n')).toEqual([
    '5 : Map keys must be unique',
    '6 : Map keys must be unique',
  ]);
});
