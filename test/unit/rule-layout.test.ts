import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { dropReasons } from '../../contract/counter-table.ts';
import { decodeBpfConntrackEntry } from '../../server/acl/load/bpf-conntrack.ts';
import { decodeTraceEvent, decodeVerdictEvent, encodeTraceFilter } from '../../server/bpf/packet-events.ts';
import { decodeMappedIpAddress, encodeMappedIpAddress } from '../../server/bpf/rule-layout.ts';

const address4 = '00000000000000000000ffff0a2a0021';
const address6 = 'fd420000000000000000000000000001';

test('an address is 16 bytes, IPv4 as IPv4-mapped IPv6', () => {
  expect(encodeMappedIpAddress('10.42.0.33').toString('hex')).toBe(address4);
  expect(encodeMappedIpAddress('fd42::1').toString('hex')).toBe(address6);
  for (const text of ['10.42.0.33', 'fd42::1', '::', '0.0.0.0'])
    expect(decodeMappedIpAddress(encodeMappedIpAddress(text))).toBe(text);
});

test('struct podlane_verdict_event', () => {
  const record = Buffer.from(
    [
      ...['0100000000000000', '05000000', '07000000', '01000300', '09000000', '02000000', '3c000000'],
      ...[
        address4,
        encodeMappedIpAddress('192.0.2.7').toString('hex'),
        '5000',
        '9a02',
        '06',
        '00',
        '00',
        '02',
      ],
      ...['00080000', address4, '901f', '0000'],
    ].join(''),
    'hex',
  );
  expect(decodeVerdictEvent(record)).toEqual({
    timeNs: 1n,
    slot: 5,
    owner: 7,
    direction: 'egress',
    kind: 'dropped',
    reason: 'denied',
    set: 'active',
    generation: 9,
    rule: 2,
    length: 60,
    ethertype: 0x0800,
    protocol: 6,
    icmp: null,
    tcpFlags: 2,
    source: '10.42.0.33',
    destination: '192.0.2.7',
    sourcePort: 80,
    destinationPort: 666,
    realPeer: { address: '10.42.0.33', port: 8080 },
  });
});

test('struct podlane_trace_event: only the valid header bytes', () => {
  const record = Buffer.from(
    [
      ...['0200000000000000', '01000000', '05000000', '07000000', '06000000', '00000000', '1c000000'],
      ...['02', '02', '00', '03', '450000', '00'.repeat(93), '00000000'],
    ].join(''),
    'hex',
  );
  expect(decodeTraceEvent(record)).toEqual({
    id: 1,
    timeNs: 2n,
    slot: 5,
    owner: 7,
    hook: 'tcx/ingress',
    verdict: 'redirected',
    target: 6,
    reason: null,
    rule: 0,
    length: 28,
    headers: Buffer.from('450000', 'hex'),
  });
});

test('struct podlane_trace_filter', () => {
  expect(
    encodeTraceFilter({ id: 3, owner: 7, address: 'fd42::1', port: 80, protocol: 6, family: 6 }).toString(
      'hex',
    ),
  ).toBe(`${'03000000'}${'07000000'}${address6}${'5000'}${'06'}${'06'}`);
});

test('struct podlane_conntrack_entry', () => {
  const key = Buffer.from(`${'07000000'}${address4}${'5000'}${'9a02'}${'06000000'}`, 'hex');
  const value = Buffer.from(
    `${'01000000'}${'02000000'}${'64000000'}${'0300'}${'0400'}${'01010100'}${'05000000'}${address6}${'9b02'}${'0000'}`,
    'hex',
  );
  expect(decodeBpfConntrackEntry(key, value, 90)).toEqual({
    owner: 7,
    protocol: 6,
    peer: '10.42.0.33',
    podPort: 80,
    peerPort: 666,
    initiator: 'peer',
    realPeer: { address: 'fd42::1', port: 667 },
    state: 'replied',
    rule: 3,
    staged: { verdict: 'deny', rule: 4 },
    expiresIn: 10,
  });
});

test('drop reasons are numbered in the order of dropReasons', () => {
  const header = readFileSync(new URL('../../bpf/slot-layout.h', import.meta.url), 'utf8');
  const numbers = [...header.matchAll(/^\tPODLANE_(\w+) = (\d),/gm)].map(([, name]) => name!.toLowerCase());
  expect(numbers).toEqual(dropReasons);
});
