import { describe, expect, test } from 'vitest';
import { ProblemError } from '../../../contract/problem.ts';
import { ruleSetSchema } from '../../../contract/rule-set.ts';
import { compileRules } from '../../../server/acl/compile/compile.ts';
import { parseRules } from '../../../server/acl/spec/rule-yaml.ts';
import { defaultPolicyTableLimits } from '../../../server/acl/tables/policy-table-limits.ts';
import { somePods } from './rule-set-generators.ts';

const text = `name: shop
defaults: {ingress: deny}
rules:
  - name: small
    direction: ingress
    subject: {all: true}
    peers: [{cidr: 10.0.0.0/8}]
    action: allow
  - name: large
    direction: ingress
    subject: {selector: {matchLabels: {app: db}}}
    peers:
      - cidr: 10.0.0.0/8
        except: [10.1.0.0/16, 10.3.0.0/16]
      - cidr: fd42::/16
    protocol: tcp
    ports: [{from: 1001, to: 1999}]
    action: deny
    priority: 1
`;

const refusal = (run: () => unknown): ProblemError => {
  try {
    run();
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
  throw new Error('was not rejected');
};

describe('limits', () => {
  const { ruleSet: set, lineOf } = parseRules(text);

  test.each([
    ['prefixes', 3, /need at least 4 prefixes, the limit is 3; rule "large" \(line 9\) needs 4 of 4/],
    ['identities', 1, /need at least 3 identities.*; rule "\w+" \(line \d\) needs 2 of 3 identities/],
    ['entries', 5, /need at least \d+ entries, the limit is 5; rule "large" \(line 9\)/],
    ['policyEntries', 2, /policy entries, the limit is 2/],
    ['policies', 1, /need at least 2 policies, the limit is 1$/],
  ] as const)('%s are rejected, with the rule that needs most and its line', (what, most, message) => {
    const error = refusal(() =>
      compileRules(set, somePods, { limits: { ...defaultPolicyTableLimits, [what]: most }, lineOf }),
    );
    expect(error).toMatchObject({ code: 'rules_too_large', hint: expect.any(String) });
    expect(error.message).toMatch(message);
    if (what === 'entries') expect(error.errors).toMatchObject([{ path: 'rules[1]', line: 9 }]);
  });

  test('rules at the limit compile', () => {
    expect(() => compileRules(set, somePods, { lineOf })).not.toThrow();
  });

  test('10,001 rules are rejected with the line of the last one', () => {
    const head = 'name: many\nrules:\n';
    const rule = (index: number) =>
      `  - {name: r${index}, direction: ingress, subject: {all: true}, action: deny}\n`;
    const error = refusal(() =>
      parseRules(head + Array.from({ length: 10_001 }, (_, index) => rule(index)).join('')),
    );
    expect(error.errors).toEqual([
      {
        path: 'rules[10000]',
        line: 10_003,
        message: expect.stringMatching(/^10001 rules; the limit is 10000$/),
      },
    ]);
  });
});

describe('a rule that matches no packet is a warning with the reason', () => {
  const rule = (name: string, more: object) => ({
    name,
    direction: 'ingress',
    subject: { all: true },
    action: 'deny',
    ...more,
  });
  const warn = (...rules: object[]): string[] =>
    compileRules(ruleSetSchema.parse({ name: 'x', rules }), somePods, {
      lineOf: (index) => 10 + index,
    }).warnings.map(({ rule, line, message }) => `${rule} (${line}) ${message}`);

  test('no pod is its subject', () => {
    expect(warn(rule('a', { subject: { pod: 'nobody' } }))).toEqual([
      'a (10) matches no packet: no pod is its subject',
    ]);
  });

  test('its peers have no addresses, exceptions considered', () => {
    expect(
      warn(
        rule('a', { peers: [{ pods: { matchLabels: { app: 'none' } } }] }),
        rule('b', { peers: [{ cidr: '10.0.0.0/31', except: ['10.0.0.0/32', '10.0.0.1/32'] }] }),
      ),
    ).toEqual([
      'a (10) matches no packet: its peers have no addresses',
      'b (11) matches no packet: its peers have no addresses',
    ]);
  });

  test('other rules precede it together', () => {
    const tcp = (from: number, to: number) => ({ protocol: 'tcp', ports: [{ from, to }] });
    expect(
      warn(
        rule('low', tcp(0, 1023)),
        rule('high', tcp(1000, 2000)),
        rule('late', tcp(500, 1500)),
        rule('last', tcp(1, 2001)),
      ),
    ).toEqual(['late (12) is never evaluated: "low", "high" precede it wherever it matches']);
  });

  test('a log rule after all decisions', () => {
    expect(warn(rule('all', {}), rule('see', { action: 'log' }))).toEqual([
      'see (11) is never evaluated: "all" precedes it wherever it matches',
    ]);
    expect(warn(rule('see', { action: 'log' }), rule('all', {}))).toEqual([]);
  });
});
