import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeIpAddress } from '../../server/bpf/address-encoding.ts';
import {
  computeSlotFromIfindex,
  decodeEndpointEntry,
  decodeEndpointKey,
  decodeSlotEntry,
  encodeEndpointEntry,
  encodeEndpointKey,
  encodeSlotEntry,
  slotToPeerIfindex,
  slotToPrimaryIfindex,
} from '../../server/bpf/datapath-structs.ts';

test('the ifindexes of both ends lead back to the slot', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), (slot) => {
      expect(computeSlotFromIfindex(slotToPrimaryIfindex(slot))).toBe(slot);
      expect(computeSlotFromIfindex(slotToPeerIfindex(slot))).toBe(slot);
    }),
  );
  expect(computeSlotFromIfindex(7)).toBeNull();
});

const macs = { toPod: '02:70:6c:00:00:43', fromPod: '02:70:6c:00:00:42' };

describe('struct podlane_slot', () => {
  test('all zero disables the check', () => {
    expect(encodeSlotEntry(null)).toEqual(Buffer.alloc(48));
    expect(decodeSlotEntry(Buffer.alloc(48))).toBeNull();
  });

  test('IPv4 on netkit L3', () => {
    const entry = { owner: 7, address4: '10.42.0.33', hooks: 'device', redirect: false, macs: null } as const;
    const slot = encodeSlotEntry(entry);
    expect(slot.toString('hex')).toBe(`${'03000000'}${'07000000'}${'0a2a0021'}${'00'.repeat(36)}`);
    expect(decodeSlotEntry(slot)).toEqual({ ...entry, address6: undefined, check: true });
  });

  test('both families on veth, with redirect', () => {
    const entry = { owner: 7, address4: '10.42.0.33', address6: 'fd00::2', macs } as const;
    const slot = encodeSlotEntry({ ...entry, hooks: 'primary', redirect: true });
    expect(slot.toString('hex')).toBe(
      `${'1f000000'}${'07000000'}${'0a2a0021'}${'fd000000000000000000000000000002'}${'00000000'}${'02706c000043'}${'02706c000042'}${'00000000'}`,
    );
    expect(decodeSlotEntry(slot)).toEqual({ ...entry, hooks: 'primary', redirect: true, check: true });
  });

  test('without address and check', () => {
    const slot = encodeSlotEntry({ owner: 7, hooks: 'primary', redirect: false, macs: null, check: false });
    expect(slot.readUInt32LE(0)).toBe(8);
    expect(decodeSlotEntry(slot)).toMatchObject({ check: false, address4: undefined, address6: undefined });
  });

  test.each(['02:70:6c:00:00', '02:70:6c:00:00:4g', ''])('%j is not a MAC address', (toPod) => {
    expect(() =>
      encodeSlotEntry({ owner: 7, hooks: 'primary', redirect: false, macs: { ...macs, toPod } }),
    ).toThrow(RangeError);
  });
});

describe('struct podlane_address4 and struct podlane_address6', () => {
  test.each([
    ['10.42.0.33', '0a2a002100000000'],
    ['fd00::2', 'fd000000000000000000000000000002'],
    ['::', '00000000000000000000000000000000'],
    ['2001:db8::', '20010db8000000000000000000000000'],
    ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
  ])('%s', (address, hex) => {
    expect(encodeEndpointKey(address).toString('hex')).toBe(hex);
    expect(decodeEndpointKey(Buffer.from(hex, 'hex'))).toBe(address);
  });

  test('an IPv4-mapped IPv6 address is the IPv4 address', () => {
    expect(encodeEndpointKey('::ffff:192.0.2.1')).toEqual(encodeEndpointKey('192.0.2.1'));
  });

  test('any address is decoded from its key', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(fc.oneof(bytes(16), bytes(4)), (address) => {
        const key = encodeEndpointKey(decodeIpAddress(address));
        expect(key.subarray(0, address.length)).toEqual(Buffer.from(address));
        expect(encodeEndpointKey(decodeEndpointKey(key))).toEqual(key);
      }),
    );
  });

  test.each(['10.42.0', '10.42.0.256', '10.42.0.x', '', '10.42.0.1/32'])(
    '%j is not an IPv4 address',
    (address) => {
      expect(() => encodeEndpointKey(address)).toThrow(RangeError);
    },
  );

  test.each(['fd00::1::2', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', 'fd00::g', '1:2:3:4::5:6:7:8', 'fe80::1%2'])(
    '%j is not an IPv6 address',
    (address) => {
      expect(() => encodeEndpointKey(address)).toThrow(RangeError);
    },
  );
});

test('struct podlane_endpoint', () => {
  const endpoint = { slot: 33, owner: 0xffff_fffe };
  expect(encodeEndpointEntry(endpoint).toString('hex')).toBe('21000000feffffff');
  expect(decodeEndpointEntry(encodeEndpointEntry(endpoint))).toEqual(endpoint);
});
