import { expect, test } from 'vitest';
import { AddressPool } from '../../../server/datapath/containers/address-pool.ts';

function createPool(used: string[] = []) {
  const addresses = new Set(used);
  return { addresses, pool: new AddressPool((address) => addresses.has(address)) };
}

test('addresses are given out in rotation, without the first and last of an IPv4 prefix', () => {
  const { pool, addresses } = createPool(['10.0.0.2']);
  const given = Array.from({ length: 5 }, () => {
    const { addresses: all } = pool.reserve(['10.0.0.0/29'], []);
    return all[0];
  });
  expect(given).toEqual(['10.0.0.1/32', '10.0.0.3/32', '10.0.0.4/32', '10.0.0.5/32', '10.0.0.6/32']);
  expect(() => pool.reserve(['10.0.0.0/29'], [])).toThrowError(
    expect.objectContaining({ code: 'no_address', message: 'give out an address: all of 10.0.0.0/29 are in use' }),
  );
  addresses.delete('10.0.0.2');
  expect(pool.reserve(['10.0.0.0/29'], []).addresses).toEqual(['10.0.0.2/32']);
});

test('an address rests before it is given out again', () => {
  const { pool } = createPool();
  const first = pool.reserve(['10.0.0.0/29'], []);
  first.release();
  expect(pool.reserve(['10.0.0.0/29'], []).addresses).toEqual(['10.0.0.2/32']);
});

test('each family gets one, of the first prefix that has any; a failure keeps none', () => {
  const { pool } = createPool();
  const prefixes = ['10.0.0.0/30', '10.0.1.0/30', 'fd00::/126'];
  const given = Array.from({ length: 3 }, () => pool.reserve(prefixes, []).addresses);
  expect(given).toEqual([
    ['10.0.0.1/32', 'fd00::1/128'],
    ['10.0.0.2/32', 'fd00::2/128'],
    ['10.0.1.1/32', 'fd00::3/128'],
  ]);
  expect(() => pool.reserve(prefixes, [])).toThrow('all of fd00::/126');
  // The IPv4 address of the failure is free again.
  expect(pool.reserve(['10.0.0.0/30', '10.0.1.0/30'], []).addresses).toEqual(['10.0.1.2/32']);
});

test('an address that was asked for is reserved, unless it is used, reserved, malformed or of other prefixes', () => {
  const { pool } = createPool(['10.0.0.9']);
  const prefixes = ['10.0.0.0/24'];
  expect(pool.reserve(prefixes, ['10.0.0.7/24']).addresses).toEqual(['10.0.0.7/32']);
  const codeOf = (requested: string) => {
    try {
      return pool.reserve(prefixes, [requested]).addresses;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  expect(codeOf('10.0.0.7')).toBe('address_in_use');
  expect(codeOf('10.0.0.9')).toBe('address_in_use');
  expect(codeOf('10.0.1.1')).toBe('unprocessable');
  expect(codeOf('nonsense')).toBe('unprocessable');
  // Without prefixes, whoever asks says what he wants.
  expect(pool.reserve([], ['192.0.2.5', '2001:DB8::5']).addresses).toEqual(['192.0.2.5/32', '2001:db8::5/128']);
});

test('addresses of others are left out for a while', () => {
  const { pool } = createPool();
  pool.avoid(['10.0.0.1/32', '10.0.0.2/32']);
  expect(pool.reserve(['10.0.0.0/29'], []).addresses).toEqual(['10.0.0.3/32']);
});

test('a large prefix is looked at in part, and counted exactly', () => {
  const { pool } = createPool();
  expect(pool.reserve(['fd00::/64'], []).addresses).toEqual(['fd00::1/128']);
  expect(pool.count('10.0.0.0/24', ['10.0.0.1', '10.0.1.1', 'fd00::1'])).toEqual({ used: 1, size: 254 });
  expect(pool.hasFree(['10.0.0.0/30'], ['10.0.0.1'])).toBe(true);
  expect(pool.hasFree(['10.0.0.0/30'], ['10.0.0.1', '10.0.0.2'])).toBe(false);
  expect(pool.hasFree(['10.0.0.0/30', 'fd00::/64'], ['10.0.0.1', '10.0.0.2'])).toBe(false);
  expect(pool.hasFree([], [])).toBe(false);
});
