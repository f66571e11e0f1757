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
import {
  encodeEthertype,
  encodeSourcePrefix,
  sourcePrefixEntries,
} from '../../server/bpf/packet-check-maps.ts';

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

const strict = { check: true, sourcePrefixes: false, ethertypes: false };

describe('struct podlane_slot', () => {
  test('all zero disables the check', () => {
    expect(encodeSlotEntry(null)).toEqual(Buffer.alloc(48));
    expect(decodeSlotEntry(Buffer.alloc(48))).toBeNull();
  });

  test('IPv4 on netkit L3', () => {
    const entry = { owner: 7, address4: '10.42.0.33', hooks: 'device', redirect: false, macs: null } as const;
    const slot = encodeSlotEntry(entry);
    expect(slot.toString('hex')).toBe(`${'03000000'}${'07000000'}${'0a2a0021'}${'00'.repeat(36)}`);
    expect(decodeSlotEntry(slot)).toEqual({ ...entry, address6: undefined, ...strict });
  });

  test('both families on veth, with redirect', () => {
    const entry = { owner: 7, address4: '10.42.0.33', address6: 'fd00::2', macs } as const;
    const slot = encodeSlotEntry({ ...entry, hooks: 'primary', redirect: true });
    expect(slot.toString('hex')).toBe(
      `${'1f000000'}${'07000000'}${'0a2a0021'}${'fd000000000000000000000000000002'}${'00000000'}${'02706c000043'}${'02706c000042'}${'00000000'}`,
    );
    expect(decodeSlotEntry(slot)).toEqual({ ...entry, hooks: 'primary', redirect: true, ...strict });
  });

  test('counting at clsact filters', () => {
    const entry = { owner: 7, redirect: false, macs: null } as const;
    const slot = encodeSlotEntry({ ...entry, hooks: 'filters' });
    expect(slot.readUInt32LE(0)).toBe(1 | 8 | 128);
    expect(decodeSlotEntry(slot)).toMatchObject({ hooks: 'filters' });
  });

  test('without address and check', () => {
    const slot = encodeSlotEntry({ owner: 7, hooks: 'primary', redirect: false, macs: null, check: false });
    expect(slot.readUInt32LE(0)).toBe(8);
    expect(decodeSlotEntry(slot)).toMatchObject({ check: false, address4: undefined, address6: undefined });
  });

  test('with source prefixes and ethertypes', () => {
    const slot = encodeSlotEntry({
      owner: 7,
      hooks: 'device',
      redirect: false,
      macs: null,
      sourcePrefixes: true,
      ethertypes: true,
    });
    expect(slot.readUInt32LE(0)).toBe(97);
    expect(decodeSlotEntry(slot)).toMatchObject({ check: true, sourcePrefixes: true, ethertypes: true });
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

describe('struct podlane_source_prefix and struct podlane_ethertype', () => {
  test.each([
    ['10.8.0.0/24', '98000000', '00000000000000000000ffff0a080000'],
    ['0.0.0.0/0', '80000000', '00000000000000000000ffff00000000'],
    ['fd00:8::/64', '60000000', 'fd000008000000000000000000000000'],
  ])('%s', (cidr, length, address) => {
    expect(encodeSourcePrefix(7, cidr).toString('hex')).toBe(`${length}07000000${address}`);
  });

  test('an IPv6 prefix that covers IPv4-mapped addresses excludes them', () => {
    const excluded = (prefixes: string[]) =>
      sourcePrefixEntries(7, prefixes)
        .filter(([, value]) => value === 0)
        .map(([key]) => key.toString('hex'));
    const all4 = `${'80000000'}${'07000000'}${'00000000000000000000ffff00000000'}`;
    expect(excluded(['::/0'])).toEqual([all4]);
    expect(excluded(['::/80', '10.0.0.0/8'])).toEqual([all4]);
    expect(excluded(['::/0', '0.0.0.0/0'])).toEqual([]);
    expect(excluded(['::/96', '2000::/3', '10.0.0.0/8'])).toEqual([]);
  });

  test('an ethertype by name or number', () => {
    expect(encodeEthertype(7, 'lldp').toString('hex')).toBe('07000000cc880000');
    expect(encodeEthertype(7, '0x88b5').toString('hex')).toBe('07000000b5880000');
    expect(encodeEthertype(7, 'llc').toString('hex')).toBe('0700000004000000');
  });
});

test('struct podlane_endpoint', () => {
  const endpoint = { slot: 33, owner: 0xffff_fffe };
  expect(encodeEndpointEntry(endpoint).toString('hex')).toBe('21000000feffffff');
  expect(decodeEndpointEntry(encodeEndpointEntry(endpoint))).toEqual(endpoint);
});
