import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../../contract/cidr.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { SelectablePod } from '../../../server/acl/spec/pod-matching.ts';
import { ipProtocolNumbers } from '../../../server/acl/spec/policy-packet.ts';
import { parseRules } from '../../../server/acl/spec/rule-yaml.ts';
import { referenceEvaluator } from './reference-evaluator.ts';

const pod = (
  namespace: string,
  name: string,
  labels: Record<string, string>,
  address: string,
): SelectablePod => ({
  id: `${namespace}.${name}`,
  namespace,
  name,
  labels,
  addresses: [`${address}/32`],
});
const pods = [
  pod('shop', 'db', { role: 'db' }, '10.42.0.1'),
  pod('shop', 'web', { role: 'frontend' }, '10.42.0.2'),
  pod('other', 'web', { role: 'frontend' }, '10.42.0.3'),
  pod('ops', 'job', {}, '10.42.0.4'),
];

const policy = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  namespace: shop
  annotations: {any: thing}
spec:
  podSelector:
    matchLabels:
      role: db
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - ipBlock:
            cidr: 172.17.0.0/16
            except:
              - 172.17.1.0/24
        - namespaceSelector:
            matchExpressions:
              - {key: kubernetes.io/metadata.name, operator: NotIn, values: [shop, other]}
        - podSelector:
            matchLabels:
              role: frontend
      ports:
        - port: 6379
        - {protocol: UDP, port: 32000, endPort: 32768}
  egress:
    - to:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}
          podSelector: {matchLabels: {role: frontend}}
`;

/** Verdicts for the pod `shop.db`. */
const evaluatorOf = (text: string, of = 'shop.db') => {
  const { ruleSet } = parseRules(text);
  const verdict = referenceEvaluator(ruleSet, pods);
  return (direction: 'ingress' | 'egress', peer: string, protocol: 'tcp' | 'udp' | 'icmp', port = 0) =>
    verdict({ pod: of, direction, peer: parseAddress(peer), protocol: ipProtocolNumbers[protocol], port })
      .verdict;
};

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

describe('a NetworkPolicy is converted as Kubernetes defines it', () => {
  test('listed peers are allowed, at listed ports only', () => {
    const verdict = evaluatorOf(policy);
    expect(verdict('ingress', '172.17.0.5', 'tcp', 6379)).toBe('allow');
    expect(verdict('ingress', '172.17.1.5', 'tcp', 6379)).toBe('deny');
    expect(verdict('ingress', '172.17.0.5', 'udp', 32_768)).toBe('allow');
    expect(verdict('ingress', '172.17.0.5', 'udp', 32_769)).toBe('deny');
    expect(verdict('ingress', '172.17.0.5', 'tcp', 32_000)).toBe('deny');
    expect(verdict('ingress', '172.17.0.5', 'icmp')).toBe('deny');
    // A podSelector alone stays in the namespace; a namespaceSelector alone takes all pods.
    expect(verdict('ingress', '10.42.0.2', 'tcp', 6379)).toBe('allow');
    expect(verdict('ingress', '10.42.0.3', 'tcp', 6379)).toBe('deny');
    expect(verdict('ingress', '10.42.0.4', 'tcp', 6379)).toBe('allow');
  });

  test('both selectors of one peer must match; without ports all protocols are allowed', () => {
    const verdict = evaluatorOf(policy);
    expect(verdict('egress', '10.42.0.3', 'icmp')).toBe('allow');
    expect(verdict('egress', '10.42.0.2', 'tcp', 80)).toBe('deny');
    expect(verdict('egress', '192.0.2.1', 'tcp', 80)).toBe('deny');
  });

  test('pods that no policy selects are not restricted', () => {
    expect(evaluatorOf(policy, 'shop.web')('ingress', '192.0.2.1', 'tcp', 1)).toBe('allow');
  });

  test('several policies are additive, as documents or as a list', () => {
    const more = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec:
  podSelector: {}
  ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]
`;
    const verdict = evaluatorOf(`${policy}---\n${more}`);
    expect(verdict('ingress', '192.0.2.1', 'tcp', 1)).toBe('allow');
    expect(verdict('ingress', '172.17.0.5', 'tcp', 6379)).toBe('allow');
    expect(verdict('ingress', '198.51.100.1', 'tcp', 6379)).toBe('deny');
    const list = `apiVersion: v1\nkind: List\nitems:\n  - ${more.trimEnd().replaceAll('\n', '\n    ')}\n`;
    expect(evaluatorOf(list, 'shop.web')('ingress', '192.0.2.1', 'tcp', 1)).toBe('allow');
    expect(evaluatorOf(list, 'shop.web')('ingress', '192.0.3.1', 'tcp', 1)).toBe('deny');
  });

  test.each([
    ['spec: {podSelector: {}}', 'deny', 'allow'],
    ['spec: {podSelector: {}, egress: []}', 'deny', 'deny'],
    ['spec: {podSelector: {}, policyTypes: [Egress]}', 'allow', 'deny'],
    ['spec: {podSelector: {}, ingress: [{}]}', 'allow', 'allow'],
    ['spec: {podSelector: {}, policyTypes: [], ingress: [{}]}', 'allow', 'allow'],
    ['spec: {podSelector: {}, ingress: null}', 'deny', 'allow'],
  ])('%s: in %s, out %s', (spec, ingress, egress) => {
    const head =
      'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\n';
    const verdict = evaluatorOf(head + spec);
    expect(verdict('ingress', '192.0.2.1', 'tcp', 1)).toBe(ingress);
    expect(verdict('egress', '192.0.2.1', 'tcp', 1)).toBe(egress);
  });

  test('each rule has the line that it was made from', () => {
    const { ruleSet, lineOf } = parseRules(policy);
    expect(ruleSet.rules.map(({ name }, index) => `${lineOf(index)} ${name}`)).toEqual([
      '13 shop/db ingress 1 tcp',
      '13 shop/db ingress 1 udp',
      '7 shop/db ingress rest',
      '28 shop/db egress 1',
      '7 shop/db egress rest',
    ]);
  });
});

describe('unsupported fields are rejected with their line', () => {
  test.each([
    ['port: 6379', 'port: http', /^25 spec.ingress\[0\].ports\[0\].port: named port "http" is not supported/],
    ['endPort: 32768', 'endPort: 31999', /^26 .*endPort: less than `port`$/],
    ['{protocol: UDP, port: 32000, endPort: 32768}', '{endPort: 7}', /^26 .*endPort: requires `port`$/],
    ['protocol: UDP', 'protocol: ICMP', /^26 .*protocol: /],
    [
      '{kubernetes.io/metadata.name: other}',
      '{team: a}',
      /^29 .*namespace label team is not known to Podlane/,
    ],
    ['172.17.1.0/24', '172.18.1.0/24', /^17 .*is not inside 172.17.0.0\/16$/],
    ['policyTypes', 'policytypes', /^11 spec.policytypes: unknown field$/],
    ['networking.k8s.io/v1', 'extensions/v1beta1', /^1 apiVersion: /],
    [
      '- podSelector:',
      '- ipBlock: {cidr: 10.0.0.0/8}\n          podSelector:',
      /^21 .*ipBlock cannot be combined/,
    ],
  ])('%s as %s', (right, wrong, message) => {
    expect(policy).toContain(right);
    expect(faults(policy.replace(right, wrong)).join('\n')).toMatch(message);
  });

  test('a duplicate name is rejected', () => {
    expect(faults(`${policy}---\n${policy}`)[0]).toMatch(/^44 rules\[5\].name: rule 1 already has the name/);
  });
});
