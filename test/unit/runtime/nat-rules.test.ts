import { describe, expect, test } from 'vitest';
import type { NatRule } from '../../../contract/observed-path.ts';
import { type ChainRule, listTranslations, noConditions } from '../../../server/runtime/path/nat-chains.ts';
import { isWithin, mayComeFrom, selectPodTranslations } from '../../../server/runtime/path/nat-rules.ts';
import { parseXtMatch, parseXtTarget } from '../../../server/runtime/path/xt-extensions.ts';

describe('an address', () => {
  test.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/9', '10.128.0.1', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.2/31', '10.1.2.3', true],
    ['0.0.0.0/0', '192.0.2.1', true],
    ['fd00::/8', 'fdff::1', true],
    ['fd00::/16', 'fd01::1', false],
    ['10.0.0.0/8', 'fd00::1', false],
    ['nonsense', '10.0.0.1', false],
  ])('%s has %s: %s', (prefix, address, expected) => {
    expect(isWithin(prefix, address)).toBe(expected);
  });

  test('fulfils all that a rule demands of the source', () => {
    expect(mayComeFrom(null, '10.0.0.1')).toBe(true);
    expect(mayComeFrom('10.0.0.0/8 and not 10.1.0.0/16', '10.2.0.1')).toBe(true);
    expect(mayComeFrom('10.0.0.0/8 and not 10.1.0.0/16', '10.1.0.1')).toBe(false);
  });
});

describe('chains', () => {
  const rule = (more: Partial<ChainRule['conditions']>): ChainRule['conditions'] => ({
    ...noConditions,
    ...more,
  });
  const dnat = { action: 'dnat' as const, to: { address: '10.0.0.2', port: 80 } };

  test('pass the conditions of jumps on: a node port of kube-proxy', () => {
    const { rules, complete } = listTranslations({
      place: 'nftables ip nat',
      entries: ['PREROUTING'],
      chains: new Map<string, ChainRule[]>([
        ['PREROUTING', [{ conditions: noConditions, jump: 'KUBE-NODEPORTS' }]],
        ['KUBE-NODEPORTS', [{ conditions: rule({ protocol: 'tcp', port: '30080' }), jump: 'KUBE-SVC' }]],
        ['KUBE-SVC', [{ conditions: rule({ others: ['statistic'] }), jump: 'KUBE-SEP' }]],
        ['KUBE-SEP', [{ conditions: noConditions, ...dnat }]],
      ]),
    });
    expect(complete).toBe(true);
    expect(rules).toEqual([
      {
        action: 'dnat',
        place: 'nftables ip nat KUBE-SEP',
        protocol: 'tcp',
        port: '30080',
        source: null,
        destination: null,
        to: dnat.to,
        conditions: ['statistic'],
      },
    ]);
  });

  test('that jump in a circle, or too often, end', () => {
    const loop: ChainRule[] = [
      { conditions: noConditions, jump: 'a' },
      { conditions: noConditions, jump: 'a' },
    ];
    const { complete } = listTranslations({ place: 'x', entries: ['a'], chains: new Map([['a', loop]]) });
    expect(complete).toBe(false);
  });
});

test('a pod has the rules that lead to it and those that change what it sends', () => {
  const base: NatRule = {
    action: 'dnat',
    place: 'x',
    protocol: 'tcp',
    port: null,
    source: null,
    destination: null,
    to: { address: '10.0.0.2', port: null },
    conditions: [],
  };
  const rules: NatRule[] = [
    { ...base, port: '8080' },
    { ...base, port: '100-200' },
    { ...base, to: { address: '10.0.0.3', port: 1 } },
    { ...base, action: 'redirect', to: { address: null, port: 1 } },
    { ...base, action: 'masquerade', to: null, source: '10.0.0.0/24' },
    { ...base, action: 'masquerade', to: null, source: '10.9.0.0/24' },
  ];
  const selected = selectPodTranslations({ rules, unread: ['something'] }, ['10.0.0.2/24']);
  expect(selected.rules).toEqual([rules[0], rules[1], rules[4]]);
  expect(selected.published).toEqual([
    { protocol: 'tcp', hostAddress: null, hostPort: 8080, podAddress: '10.0.0.2', podPort: 8080 },
  ]);
  expect(selected.unread).toEqual(['something']);
});

describe('extensions of x_tables that are too short', () => {
  test.each(['DNAT', 'SNAT', 'REDIRECT'])('%s leads nowhere', (name) => {
    for (const revision of [0, 1, 2])
      expect(parseXtTarget(name, revision, Buffer.alloc(3), 'ipv4')).toEqual({
        action: name.toLowerCase(),
        to: null,
      });
  });

  test('matches are conditions by their name', () => {
    expect(parseXtMatch('tcp', Buffer.alloc(2))).toEqual({ condition: 'tcp' });
    expect(parseXtMatch('comment', Buffer.alloc(0))).toBeNull();
    expect(parseXtTarget('LOG', 0, Buffer.alloc(0), 'ipv4')).toBeNull();
  });
});
