import { expect, test } from 'vitest';
import type { PortMapping } from '../../../contract/cni-config.ts';
import { appliesTo, portMappingsOverlap } from '../../../server/datapath/containers/port-mapping-table.ts';

const mapping = (hostIP: string, more: Partial<PortMapping> = {}): PortMapping => ({
  hostPort: 80,
  containerPort: 8080,
  protocol: 'tcp',
  hostIP,
  ...more,
});

test.each([
  ['', '', true],
  ['', '192.0.2.1', true],
  ['0.0.0.0', '192.0.2.1', true],
  ['0.0.0.0', '::', false],
  ['0.0.0.0', '2001:db8::1', false],
  ['', '::', true],
  ['192.0.2.1', '192.0.2.2', false],
  ['192.0.2.1', '192.0.2.1', true],
])('ports of %j and %j overlap: %j', (one, other, overlap) => {
  expect(portMappingsOverlap(mapping(one), mapping(other))).toBe(overlap);
  expect(portMappingsOverlap(mapping(other), mapping(one))).toBe(overlap);
  expect(portMappingsOverlap(mapping(one), mapping(other, { protocol: 'udp' }))).toBe(false);
  expect(portMappingsOverlap(mapping(one), mapping(other, { hostPort: 81 }))).toBe(false);
});

test('a mapping without an address is for both families', () => {
  expect([appliesTo(mapping(''), '10.0.0.1'), appliesTo(mapping(''), 'fd00::1')]).toEqual([true, true]);
  expect([appliesTo(mapping('::'), '10.0.0.1'), appliesTo(mapping('::'), 'fd00::1')]).toEqual([false, true]);
});
