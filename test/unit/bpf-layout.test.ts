import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeSlot, peerIfindex, primaryIfindex, slotOf } from '../../server/bpf/layout.ts';

test('both ends’ indexes lead back to the slot', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), (slot) => {
      expect(slotOf(primaryIfindex(slot))).toBe(slot);
      expect(slotOf(peerIfindex(slot))).toBe(slot);
    }),
  );
  expect(slotOf(7)).toBeNull();
});

describe('struct podlane_slot', () => {
  test('all zero: nothing is checked', () => {
    expect(encodeSlot(null)).toEqual(Buffer.alloc(24));
  });

  test('IPv4 only', () => {
    const expected = `01000000${'0a2a0021'}${'00'.repeat(16)}`;
    expect(encodeSlot({ address4: '10.42.0.33' }).toString('hex')).toBe(expected);
  });

  test.each([
    ['fd00::2', 'fd000000000000000000000000000002'],
    ['::', '00000000000000000000000000000000'],
    ['2001:db8::', '20010db8000000000000000000000000'],
    ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
  ])('IPv6 %s', (address6, hex) => {
    const slot = encodeSlot({ address4: '10.42.0.33', address6 });
    expect(slot.readUInt32LE(0)).toBe(3);
    expect(slot.toString('hex', 8)).toBe(hex);
  });

  test.each(['10.42.0', '10.42.0.256', '10.42.0.x', ''])('%j is no IPv4 address', (address4) => {
    expect(() => encodeSlot({ address4 })).toThrow(RangeError);
  });

  test.each(['fd00::1::2', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', 'fd00::g', '1:2:3:4::5:6:7:8'])(
    '%j is no IPv6 address',
    (address6) => {
      expect(() => encodeSlot({ address4: '10.42.0.33', address6 })).toThrow(RangeError);
    },
  );
});
