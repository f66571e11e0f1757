import { expect, test } from 'vitest';
import { splitPreflightCheckNote } from '../../../app/pods/[id]/_migration/text.ts';
import {
  detectAddressFamily,
  sortBySideAndFamily,
} from '../../../app/pods/[id]/_network/sort-by-side-and-family.ts';

test('rows are ordered by namespace, then by family', () => {
  const rows = sortBySideAndFamily(
    { pod: ['fe80::1', '169.254.1.1'], host: ['fd00::1', '10.42.0.33'] },
    (row) => row,
  );
  expect(rows.map(({ side, family, item }) => [side, family, item])).toEqual([
    ['pod', 'IPv4', '169.254.1.1'],
    ['pod', 'IPv6', 'fe80::1'],
    ['host', 'IPv4', '10.42.0.33'],
    ['host', 'IPv6', 'fd00::1'],
  ]);
});

test('the family of a neighbor is that of its address, not of its MAC', () => {
  expect(detectAddressFamily('169.254.1.1 lladdr 02:70:6c:00:00:00 PERMANENT')).toBe('IPv4');
  expect(detectAddressFamily('default via fe80::1 dev eth0')).toBe('IPv6');
});

test('a note of the plan is split into lines', () => {
  expect(splitPreflightCheckNote('udp 0.0.0.0:68 bound to eth0; 239.1.1.1 joined')).toEqual([
    'udp 0.0.0.0:68 bound to eth0',
    '239.1.1.1 joined',
  ]);
});
