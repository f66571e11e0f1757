import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../../contract/cidr.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
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
    ['spec: {podSelector: {}, egress: []}', 'deny', 'allow'],
    ['spec: {podSelector: {}, egress: [{to: []}]}', 'deny', 'allow'],
    ['spec: {podSelector: {}, egress: [{to: [{podSelector: {}}]}]}', 'deny', 'deny'],
    ['spec: {podSelector: {}, policyTypes: [Egress]}', 'allow', 'deny'],
    ['spec: {podSelector: {}, ingress: [{}]}', 'allow', 'allow'],
    ['spec: {podSelector: {}, policyTypes: [], ingress: [{}]}', 'allow', 'allow'],
    ['spec: {podSelector: {}, policyTypes: [], ingress: []}', 'deny', 'allow'],
    ['spec: {podSelector: {}, policyTypes: null, egress: [{ports: [{port: 9}]}]}', 'deny', 'deny'],
    ['spec: {policyTypes: [Ingress, Ingress]}', 'deny', 'allow'],
    ['spec: {}', 'deny', 'allow'],
    ['spec: null', 'deny', 'allow'],
    ['status: {}', 'deny', 'allow'],
    ['spec: {podSelector: {}, ingress: [null]}', 'allow', 'allow'],
    ['spec: {podSelector: {}, ingress: [{from: null, ports: [null]}]}', 'allow', 'allow'],
    ['spec: {podSelector: {matchLabels: {role: }}}', 'allow', 'allow'],
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
      '7 shop/db egress node',
      '7 shop/db egress rest',
    ]);
  });
});

describe('unsupported fields are rejected with their line', () => {
  test.each([
    ['port: 32000', 'port: dns', /^26 .*endPort: is only for a `port` that is a number$/],
    ['endPort: 32768', 'endPort: 31999', /^26 .*endPort: less than `port`$/],
    ['{protocol: UDP, port: 32000, endPort: 32768}', '{endPort: 7}', /^26 .*endPort: requires `port`$/],
    ['protocol: UDP', 'protocol: ICMP', /^26 .*protocol: /],
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

  test.each([
    ['name: db\n', 'name: Data_Base\n', /^4 metadata.name: is not a name/],
    ['name: db\n', 'generateName: db-\n', /^3 metadata.name: /],
    ['namespace: shop', 'namespace: Shop', /^5 metadata.namespace: is not a namespace/],
    ['namespace: shop', 'namespaces: shop', /^5 metadata.namespaces: unknown field$/],
    ['spec:\n', 'specs: {}\nspec:\n', /^7 specs: unknown field$/],
    ['[Ingress, Egress]', '[Ingress, Egress, Ingress]', /^11 spec.policyTypes: has more than two types$/],
    ['[Ingress, Egress]', '[ingress]', /^11 spec.policyTypes\[0\]: /],
    ['role: db', 'role: data base', /^10 .*matchLabels.role: "data base" is not a label's value/],
    ['role: db', 'role: 1', /^10 .*matchLabels.role: .*expected string/],
    ['role: db', 'role: yes', /^10 .*matchLabels.role: .*expected string, received boolean/],
    ['role: db', 'a role: db', /^10 .*"a role" is not a label/],
    ['role: db', '-role: db', /^10 .*"-role" is not a label/],
    ['role: db', 'A.com/role: db', /^10 .*"A.com\/role" is not a label/],
    ['role: db', '__proto__: db', /^10 : __proto__ cannot be a key$/],
    ['values: [shop, other]', 'values: []', /^20 .*values: NotIn needs at least one value$/],
    ['operator: NotIn', 'operator: Exists', /^20 .*values: Exists takes no values$/],
    ['port: 6379', 'port: "6379"', /^25 .*"6379" is neither a number nor the name of a port/],
    ['port: 6379', 'port: 0', /^25 /],
    ['172.17.0.0/16', '172.17.0.0', /^15 .*cidr: not a CIDR: "172.17.0.0"/],
    ['172.17.1.0/24', '172.17.0.0/16', /^17 .*is not inside 172.17.0.0\/16$/],
    [
      'kind: NetworkPolicy',
      'kind: ClusterNetworkPolicy',
      /^2 kind: "ClusterNetworkPolicy" is not NetworkPolicy$/,
    ],
  ])('%s as %s', (right, wrong, message) => {
    expect(policy).toContain(right);
    expect(faults(policy.replace(right, wrong)).join('\n')).toMatch(message);
  });

  test('another object beside a policy is refused with its line', () => {
    const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\n';
    expect(faults(`${policy}---\n${service}`)).toEqual(['33 kind: "Service" is not NetworkPolicy']);
  });

  test.each([
    ['apiVersion: v2\nkind: List\nitems: []', /^1 apiVersion: a List has "v1"$/],
    ['apiVersion: v1\nkind: List\nitems: {}', /^3 items: is not a list$/],
    ['apiVersion: v1\nkind: List\nitem: []', /^3 item: unknown field$/],
    ['apiVersion: v1\nkind: List\nitems:\n- {metadata: {name: x}}', /^4 items\[0\].apiVersion: /],
  ])('of a list: %s', (text, message) => {
    expect(faults(text).join('\n')).toMatch(message);
  });
});

describe('a text is read as kubectl and the API server read it', () => {
  const head =
    'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\n';
  const rulesOf = (text: string) => parseRules(text).ruleSet.rules.map(({ name }) => name);
  const [deny, allow] = [`${head}spec: {}\n`, `${head.replace('name: x', 'name: y')}spec: {ingress: [{}]}\n`];

  test('documents of comments are nothing, and so is an empty list', () => {
    expect(rulesOf(`# first\n---\n${deny}---\n# Source: chart/empty.yaml\n---\n---\n${allow}---\n`)).toEqual([
      'shop/x ingress rest',
      'shop/y ingress 1',
      'shop/y ingress rest',
    ]);
    expect(rulesOf('apiVersion: v1\nkind: List\nitems: []')).toEqual([]);
    expect(rulesOf('apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nitems: null')).toEqual([]);
  });

  test('of two policies with one name the later one holds, and the text says so', () => {
    const { ruleSet, lineOf, notes } = parseRules(`${deny}---\n${head}spec: {ingress: [{}]}\n`);
    expect(ruleSet.rules.map(({ name }) => name)).toEqual(['shop/x ingress 1', 'shop/x ingress rest']);
    expect(lineOf(0)).toBe(9);
    expect(notes).toEqual([
      { index: 0, message: 'policy shop/x is in the text again: this one replaces the one of line 1' },
    ]);
    const elsewhere = head.replace('namespace: shop', 'namespace: ops');
    expect(rulesOf(`${deny}---\n${elsewhere}spec: {}`)).toEqual([
      'shop/x ingress rest',
      'ops/x ingress rest',
    ]);
  });

  test.each([['{name: x}'], ['{name: x, namespace: ""}'], ['{name: x, namespace: null}']])(
    'metadata %s is of the namespace default',
    (metadata) => {
      expect(rulesOf(head.replace('{name: x, namespace: shop}', metadata))).toEqual([
        'default/x ingress rest',
      ]);
    },
  );

  test('items of a NetworkPolicyList need no kind, and lists may contain lists', () => {
    const item = '{metadata: {name: x, namespace: shop, uid: u, managedFields: [{}]}, spec: {}}';
    const list = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicyList, metadata: {resourceVersion: "7"}, items: [${item}]}`;
    expect(rulesOf(list)).toEqual(['shop/x ingress rest']);
    expect(rulesOf(`{apiVersion: v1, kind: List, items: [${list}]}`)).toEqual(['shop/x ingress rest']);
  });

  test('merge keys are resolved, and their values have the line of the merge', () => {
    const merged = (port: string) =>
      `${head}spec:\n  ingress:\n  - ports:\n    - &udp {protocol: UDP, port: 53}\n    - <<: *udp\n      port: ${port}\n`;
    expect(parseRules(merged('54')).ruleSet.rules[0]).toMatchObject({
      protocol: 'udp',
      ports: [{ from: 53 }, { from: 54 }],
    });
    expect(faults(merged('-1'))[0]).toMatch(/^9 spec.ingress\[0\].ports\[1\].port/);
  });

  test('numbers are those of YAML 1.1', () => {
    const ports = (port: string) =>
      parseRules(`${head}spec: {ingress: [{ports: [{port: ${port}}]}]}`).ruleSet.rules[0]?.ports;
    expect([ports('0120'), ports('1_000'), ports('8e1'), ports('0x50')]).toEqual([
      [{ from: 80 }],
      [{ from: 1000 }],
      [{ from: 80 }],
      [{ from: 80 }],
    ]);
  });

  test.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['010.001.0.0/16', '10.1.0.0/16'],
    ['10.1.0.0/016', '10.1.0.0/16'],
    ['fd00::1/64', 'fd00::/64'],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
    ['::ffff:10.0.0.1/128', '10.0.0.1/32'],
    ['::/0', '::/0'],
  ])('the CIDR %s is %s', (written, meant) => {
    const { ruleSet, notes } = parseRules(
      `${head}spec: {ingress: [{from: [{ipBlock: {cidr: "${written}"}}]}]}`,
    );
    expect(ruleSet.rules[0]?.peers).toEqual([{ cidr: meant, except: [] }]);
    const plain = written === meant || written === '10.1.0.0/016';
    expect(notes).toEqual(plain ? [] : [{ index: 0, message: `${written} means ${meant}` }]);
  });

  test('long lists are taken', () => {
    const values = Array.from({ length: 5000 }, (_, index) => `v${index}`);
    const text = `${head}spec: {podSelector: {matchExpressions: [{key: role, operator: NotIn, values: [${values.join()}]}]}}`;
    expect(evaluatorOf(text)('ingress', '192.0.2.1', 'tcp', 1)).toBe('deny');
  });

  test('policies may stand beside a rule set', () => {
    const own = 'name: own\nrules:\n- {name: a, direction: egress, subject: {all: true}, action: deny}\n';
    const { ruleSet, source, lineOf, implied } = parseRules(`${deny}---\n${own}`);
    expect(source).toBe('both');
    expect(ruleSet.name).toBe('own');
    expect(ruleSet.rules.map(({ name }, index) => `${lineOf(index)} ${name}`)).toEqual([
      '8 a',
      '4 shop/x ingress rest',
    ]);
    expect([...implied]).toEqual([1]);
  });
});

describe('a label of a pod never stands for the one of its namespace', () => {
  const name = 'kubernetes.io/metadata.name';
  const labelled = [
    pod('shop', 'db', { role: 'db' }, '10.42.0.1'),
    pod('shop', 'liar', { [name]: 'ops' }, '10.42.0.2'),
    pod('ops', 'job', {}, '10.42.0.4'),
  ];
  const verdicts = (ruleSet: RuleSet, of = 'shop.db') => {
    const verdict = referenceEvaluator(ruleSet, labelled);
    return ['10.42.0.2', '10.42.0.4'].map(
      (peer) =>
        verdict({ pod: of, direction: 'ingress', peer: parseAddress(peer), protocol: 6, port: 1 }).verdict,
    );
  };
  const head =
    'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\n';
  const policyFor = (spec: string): RuleSet => parseRules(`${head}spec: ${spec}`).ruleSet;

  test('in a namespaceSelector, a podSelector, both, and the subject', () => {
    const peer = (term: string) => policyFor(`{ingress: [{from: [${term}]}]}`);
    expect(verdicts(peer(`{namespaceSelector: {matchLabels: {${name}: ops}}}`))).toEqual(['deny', 'allow']);
    expect(verdicts(peer(`{podSelector: {matchLabels: {${name}: ops}}}`))).toEqual(['allow', 'deny']);
    const both = `{namespaceSelector: {matchLabels: {${name}: shop}}, podSelector: {matchLabels: {${name}: ops}}}`;
    expect(verdicts(peer(both))).toEqual(['allow', 'deny']);
    const subject = policyFor(`{podSelector: {matchLabels: {${name}: ops}}}`);
    expect(verdicts(subject, 'shop.liar')).toEqual(['deny', 'deny']);
    expect(verdicts(subject, 'shop.db')).toEqual(['allow', 'allow']);
  });

  test('the label selects by namespace in a rule set that does not name namespaces otherwise', () => {
    const set = parseRules(
      `name: a\ndefaults: {ingress: deny}\nrules:\n- {name: a, direction: ingress, subject: {all: true}, peers: [{pods: {matchLabels: {${name}: ops}}}], action: allow}`,
    );
    expect(verdicts(set.ruleSet)).toEqual(['deny', 'allow']);
  });
});

test('isolation of egress leaves the pod its own node', () => {
  const text =
    'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\nspec: {policyTypes: [Egress]}';
  const verdict = referenceEvaluator(parseRules(text).ruleSet, pods, ['192.0.2.1', '2001:db8::1']);
  const to = (peer: string) =>
    verdict({ pod: 'shop.db', direction: 'egress', peer: parseAddress(peer), protocol: 6, port: 1 }).verdict;
  expect([to('192.0.2.1'), to('2001:db8::1'), to('192.0.2.2')]).toEqual(['allow', 'allow', 'deny']);
});
