import { describe, expect, test } from 'vitest';
import { formatEthertype, parseEthertype } from '../../contract/ethertypes.ts';
import { defaultPacketChecks, packetChecksSchema } from '../../contract/packet-checks.ts';
import type { Verdict } from '../../contract/verdict.ts';
import { countLostByChecks } from '../../server/trace/lost-by-checks.ts';

test.each([
  ['lldp', 0x88cc, 'lldp'],
  ['LLDP', 0x88cc, 'lldp'],
  ['0x88CC', 0x88cc, 'lldp'],
  ['0x88b5', 0x88b5, '0x88b5'],
  ['llc', 4, 'llc'],
])('%s is an ethertype', (text, type, name) => {
  expect(parseEthertype(text)).toBe(type);
  expect(formatEthertype(type)).toBe(name);
});

test.each(['', '88cc', '35020', '0x05ff', '0x10000', 'constructor', 'lldp '])('%j is none', (text) => {
  expect(parseEthertype(text)).toBeNull();
});

describe('packet checks', () => {
  test('are strict unless others are chosen', () => {
    expect(packetChecksSchema.parse({})).toEqual(defaultPacketChecks);
  });

  test('are stored in one spelling', () => {
    const checks = {
      sourcePrefixes: ['10.8.0.7/24', '192.0.2.1', 'FD00:0::1/64'],
      ethertypes: ['0x88CC', 'PTP'],
    };
    expect(packetChecksSchema.parse(checks)).toMatchObject({
      sourcePrefixes: ['10.8.0.0/24', '192.0.2.1/32', 'fd00::/64'],
      ethertypes: ['lldp', 'ptp'],
    });
  });

  test.each([
    [{ source: 'loose' }, 'source'],
    [{ sourcePrefixes: ['10.8.0.0/33'] }, 'sourcePrefixes.0'],
    [{ sourcePrefixes: ['::ffff:10.0.0.0/104'] }, 'sourcePrefixes.0'],
    [{ sourcePrefixes: ['10.8.0.0/24', '10.8.0.9/24'] }, 'sourcePrefixes'],
    [{ source: 'off', sourcePrefixes: ['10.8.0.0/24'] }, 'sourcePrefixes'],
    [{ sourcePrefixes: Array.from({ length: 33 }, (_, index) => `10.8.${index}.0/24`) }, 'sourcePrefixes'],
    [{ ethertypes: ['ipv4'] }, 'ethertypes.0'],
    [{ ethertypes: ['0x0806'] }, 'ethertypes.0'],
    [{ ethertypes: ['0x0100'] }, 'ethertypes.0'],
    [{ ethertypes: ['lldp', '0x88cc'] }, 'ethertypes'],
    [{ prefixes: [] }, ''],
  ])('%j is refused', (checks, path) => {
    const { success, error } = packetChecksSchema.safeParse(checks);
    expect(success).toBe(false);
    expect(error?.issues.map((issue) => issue.path.join('.'))).toContain(path);
  });
});

test('what a pod loses is counted by source and ethertype, and not what others lose', () => {
  const verdict = (more: Partial<Verdict>): Verdict =>
    ({
      pod: { id: 'a', namespace: 'shop', name: 'cart' },
      direction: 'egress',
      time: '2026-01-01T00:00:01Z',
      source: { address: '10.8.0.1', port: null, pod: null },
      ethertype: 'ipv4',
      reason: 'spoofed_source',
      ...more,
    }) as Verdict;
  const later = '2026-01-01T00:00:02Z';
  const verdicts = [
    verdict({}),
    verdict({ time: later }),
    verdict({ source: { address: '10.8.0.2', port: null, pod: null } }),
    verdict({ reason: 'denied' }),
    verdict({ pod: { id: 'b', namespace: 'shop', name: 'web' } }),
    verdict({ reason: 'unknown_protocol', ethertype: 'lldp' }),
    verdict({ reason: 'unknown_protocol', ethertype: 'lldp', direction: 'ingress' }),
  ];
  expect(countLostByChecks(verdicts, 'a')).toEqual({
    sources: [
      { address: '10.8.0.1', packets: 2, lastSeen: later, direction: 'egress' },
      { address: '10.8.0.2', packets: 1, lastSeen: '2026-01-01T00:00:01Z', direction: 'egress' },
    ],
    ethertypes: [
      { ethertype: 'lldp', packets: 1, lastSeen: '2026-01-01T00:00:01Z', direction: 'egress' },
      { ethertype: 'lldp', packets: 1, lastSeen: '2026-01-01T00:00:01Z', direction: 'ingress' },
    ],
  });
});
