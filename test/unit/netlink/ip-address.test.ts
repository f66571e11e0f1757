import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  detectIpFamily,
  formatIpAddressBytes,
  formatMacAddress,
  ipAddressToBytes,
  macAddressToBytes,
  parseIpPrefix,
} from '../../../server/netlink/ip-address.ts';
import { MalformedNetlinkMessage } from '../../../server/netlink/message.ts';

describe('addresses', () => {
  test.each([
    ['10.42.0.33', '0a2a0021'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['fd00::33', 'fd000000000000000000000000000033'],
    ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'],
    ['::ffff:10.0.0.1', '00000000000000000000ffff0a000001'],
  ])('%s, there and back', (text, hex) => {
    expect(Buffer.from(ipAddressToBytes(text)).toString('hex')).toBe(hex);
    expect(formatIpAddressBytes(Buffer.from(hex, 'hex'))).toBe(text);
  });

  test('IPv6 is written as RFC 5952 says: as URL does, but for mapped IPv4', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.integer({ min: 0, max: 0xffff }),
        (bytes, zeros) => {
          for (let word = 0; word < 8; word++) if (zeros & (1 << word)) bytes.fill(0, 2 * word, 2 * word + 2);
          const text = formatIpAddressBytes(bytes);
          if (!text.includes('.')) expect(`[${text}]`).toBe(new URL(`http://[${text}]`).hostname);
          expect([...ipAddressToBytes(text)]).toEqual([...bytes]);
        },
      ),
    );
  });

  test.each(['', '10.0.0', '10.0.0.256', '1.2.3.4.5', 'fe80::1%eth0', ':::', 'eth0', '10.0.0.1/24'])(
    '%j is refused',
    (text) => {
      expect(() => detectIpFamily(text)).toThrow(RangeError);
      expect(() => ipAddressToBytes(text)).toThrow(RangeError);
    },
  );

  test('bytes from the wire must be 4 or 16', () => {
    for (const length of [0, 3, 5, 15, 17])
      expect(() => formatIpAddressBytes(Buffer.alloc(length))).toThrow(MalformedNetlinkMessage);
  });
});

describe('prefixes', () => {
  test.each([
    ['10.42.0.33', { address: '10.42.0.33', length: 32 }],
    ['10.42.0.0/24', { address: '10.42.0.0', length: 24 }],
    ['0.0.0.0/0', { address: '0.0.0.0', length: 0 }],
    ['fd00::/8', { address: 'fd00::', length: 8 }],
    ['fd00::1', { address: 'fd00::1', length: 128 }],
  ])('%s', (text, expected) => expect(parseIpPrefix(text)).toEqual(expected));

  test.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    'fd00::/129',
    '10.0.0.0/x',
    'default',
  ])('%j is refused', (text) => {
    expect(() => parseIpPrefix(text)).toThrow(RangeError);
  });
});

test('MAC addresses, there and back', () => {
  expect(formatMacAddress(macAddressToBytes('02:50:4C:10:00:41'))).toBe('02:50:4c:10:00:41');
  for (const text of ['', '02:50:4c:10:00', '02:50:4c:10:00:4', '02-50-4c-10-00-41', '02:50:4c:10:00:zz'])
    expect(() => macAddressToBytes(text)).toThrow(RangeError);
});
